"""IR text becomes machine code: all that is known about llvmlite."""

from __future__ import annotations

import functools
import sys
import threading
from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm

# LLVM compiles in one thread at a time, compiled code runs in any number; garbage collected meanwhile may be a library
_LOCK = threading.RLock()


@functools.cache
def _host() -> tuple[llvm.Target, str, str]:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    # vectors as wide as the processor has them: LLVM prefers 256 bits otherwise
    features = llvm.get_host_cpu_features().flatten() + ",-prefer-256-bit"
    return llvm.Target.from_default_triple(), llvm.get_host_cpu_name(), features


def _machine(level: int) -> llvm.TargetMachine:
    """A new one for each engine, which owns and frees it."""
    target, cpu, features = _host()
    return target.create_target_machine(opt=level, cpu=cpu, features=features, jit=True)


@functools.cache
def vector_bytes() -> int:
    """Width of the processor's SIMD registers."""
    features = llvm.get_host_cpu_features()
    return 64 if features.get("avx512f") else 32 if features.get("avx2") else 16


# What is written is nearly what LLVM's O2 would leave, so a few passes do what matters, in a fifth of its time. Each
# pass costs some kilobytes that llvmlite does not free.
_PASSES = "always_inliner sroa instruction_combine simplify_cfg".split()


@functools.cache
def _builder() -> llvm.PassBuilder:
    """Made once, since not all of it can be freed; its machine belongs to no engine."""
    return llvm.create_pass_builder(_machine(2), llvm.create_pipeline_tuning_options(speed_level=2))


class Library:
    """Compiled functions by name. The machine code lives as long as this object.

    `entry`: text of functions that may stay as they are written. `keep`: what constants point to. `long`: there is much
    straight-line code, to which LLVM's higher level adds a third of the time and nothing else that can be measured.
    """

    def __init__(self, text: str, *, entry: str = "", keep: Any = None, long: bool = False) -> None:
        self.keep = keep
        with _LOCK:
            machine = _machine(1 if long else 2)
            module = llvm.parse_assembly(text)
            module.verify()
            passes = llvm.create_new_module_pass_manager()
            for name in _PASSES:
                getattr(passes, f"add_{name}_pass")()
            passes.run(module, _builder())
            if entry:
                apart = llvm.parse_assembly(entry)
                apart.verify()
                module.link_in(apart)
            self._engine = llvm.create_mcjit_compiler(module, machine)
            self._engine.finalize_object()
            self._module = module

    def address(self, name: str) -> int:
        found = self._engine.get_function_address(name)
        if not found:
            raise KeyError(name)
        return found

    def __del__(self, ending: Callable[[], bool] = sys.is_finalizing) -> None:
        # llvmlite's engine frees the code; while LLVM works in another thread it must wait. When the interpreter ends,
        # the names of this module and of llvmlite's may be gone, and the memory goes anyway
        engine = self.__dict__.pop("_engine", None)
        if engine is not None and not ending():
            with _LOCK:
                self.__dict__.pop("_module", None)
                engine.close()
