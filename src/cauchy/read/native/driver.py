"""A kernel called from Python, through ctypes: slower, with no belief about struct layouts, and with checks.

It answers what the native entry answers, takes arrays the entry does not (strided, misaligned, of another byte
order, of a subclass) as plain copies, and can put red zones around every buffer.
"""

from __future__ import annotations

import ctypes
import functools
import math
import os
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...errors import InternalError
from .llvm import Library
from .signature import Array, Branch, Input, Same, Scalar, Signature, leaves

ALIGN = 64
ZONE = 64  # bytes on either side of a buffer
ZONE_BYTE = 0xA5  # also what a buffer of integers is filled with: no bool
# signaling NaNs with a payload that no computation makes
POISON = {8: np.uint64(0x7FF4DEADBEEFCAFE), 4: np.uint32(0x7FA4DEAD)}


def redzones_wanted(spec: Signature) -> bool:
    """Whether every call is to be checked: by the signature, or by the environment's `CAUCHY_DEBUG=redzones`."""
    return spec.redzones or "redzones" in os.environ.get("CAUCHY_DEBUG", "")


class Driver:
    """The callable of a signature, in Python; `slow` answers what the kernel cannot."""

    def __init__(self, library: Library, spec: Signature, slow: Callable[..., Any]) -> None:
        self.library, self.spec, self.slow = library, spec, slow
        self.redzones = redzones_wanted(spec)
        self.leaves = tuple(leaves(spec.inputs))
        self.captured = [(x, Array(x.dtype, x.shape)) for x in spec.captured]
        kernel = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p)
        self.kernel = kernel(library.address("kernel"))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        spec, flat = self.spec, list[Any]()
        fits = (
            not kwargs
            and len(args) == len(spec.inputs)
            and all(w.holds() for w in spec.watches)
            and all(unpack(x, s, flat) for x, s in zip(args, spec.inputs, strict=True))
        )
        outputs = self.run(flat) if fits else None
        return self.slow(*args, **kwargs) if outputs is None else self.result(outputs)

    def run(self, flat: Sequence[Any]) -> list[Any] | None:
        """The outputs for the leaves of the arguments; None where the kernel gives up."""
        if not all(fits_array(x, s) for x, s in self.captured):
            return None
        buffer = functools.partial(_Buffer, zoned=self.redzones)
        inputs = [buffer(f"argument {i}", s, x) for i, (x, s) in enumerate(zip(flat, self.leaves, strict=True))]
        inputs += [buffer(f"captured array {i}", s, x) for i, (x, s) in enumerate(self.captured)]
        outputs = [buffer(f"output {k}", s) for k, s in enumerate(self.spec.outputs)]
        scratch = buffer("scratch", Array(np.dtype("u1"), (self.spec.scratch,)))
        pointers = [(ctypes.c_void_p * len(group))(*[b.address for b in group]) for group in (inputs, outputs)]
        code = self.kernel(*pointers, scratch.address)
        for b in (*inputs, *outputs, scratch):
            b.check(written=code == 0 and b is not scratch)
        if code:
            return None
        return [b.value(s) for b, s in zip(outputs, self.spec.outputs, strict=True)]

    def result(self, outputs: Sequence[Any]) -> Any:
        """What the function returns, from its outputs."""

        def build(s: Any) -> Any:
            if isinstance(s, dict):
                return {k: build(x) for k, x in s.items()}
            if isinstance(s, (tuple, list)):
                return type(s)([build(x) for x in s])
            return s.value if isinstance(s, Same) else None if s is None else outputs[s]

        made = build(self.spec.structure)
        return made if self.spec.rebuild is None else self.spec.rebuild(made)


class _Buffer:
    """Memory of one call: data for the kernel to read, or room for an output; within red zones if `zoned`."""

    def __init__(self, name: str, spec: Array | Scalar, data: Any = None, *, zoned: bool) -> None:
        self.name, self.zoned, self.given = name, zoned, b""
        if data is not None and not zoned:
            self.array = np.asarray(data, spec.dtype, order="C")
            if not self.array.flags.aligned:
                self.array = self.array.copy()
            self.address = self.array.ctypes.data
        else:
            shape = spec.shape if isinstance(spec, Array) else ()
            size = spec.dtype.itemsize * math.prod(shape)
            memory = np.empty(size + 2 * ZONE + ALIGN, np.uint8)
            start = ZONE + -(memory.ctypes.data + ZONE) % ALIGN
            self.array = memory[start : start + size].view(spec.dtype).reshape(shape)
            self.zones = memory[:start], memory[start + size :]
            self.address = memory.ctypes.data + start
        if zoned:
            for zone in self.zones:
                zone[:] = ZONE_BYTE
            if data is None:
                self._pattern()[...] = self._poison()
            else:
                self.array[...] = data
                self.given = self.array.tobytes()

    def _poison(self) -> Any:
        return POISON[self.array.itemsize] if self.array.dtype.kind == "f" else ZONE_BYTE

    def _pattern(self) -> np.ndarray:
        flat = self.array.reshape(-1)
        return flat.view(f"u{self.array.itemsize}" if self.array.dtype.kind == "f" else "u1")

    def check(self, *, written: bool) -> None:
        """Raise InternalError if the kernel wrote beside the buffer, into its input, or not all of its output."""
        if not self.zoned:
            return
        if not all((zone == ZONE_BYTE).all() for zone in self.zones):
            raise InternalError(f"native code wrote outside of {self.name}")
        if self.given and self.array.tobytes() != self.given:
            raise InternalError(f"native code wrote into {self.name}, which is not its own")
        kind = self.array.dtype.kind
        if written and not self.given and kind in "fb" and (self._pattern() == self._poison()).any():
            raise InternalError(f"native code left a part of {self.name} unwritten")

    def value(self, spec: Array | Scalar) -> Any:
        """The output as Python has it, in memory of its own."""
        if isinstance(spec, Array):
            return self.array.copy()
        return self.array.item() if spec.types[0] in (float, int, bool) else self.array[()]


def fits_array(x: Any, spec: Array) -> bool:
    """Whether x holds numbers of this dtype, in whatever byte order, in this shape, its axes in C order in memory."""
    return (
        isinstance(x, np.ndarray)
        and not isinstance(x, (np.matrix, np.ma.MaskedArray))  # their operations are not those of an array
        and x.shape == spec.shape
        and x.dtype.newbyteorder("=") == spec.dtype
        and (x.flags.c_contiguous or np.empty_like(x, subok=False).flags.c_contiguous)
    )


def unpack(x: Any, spec: Input, flat: list[Any]) -> bool:
    """Whether an argument is as it was traced; its leaves join `flat`."""
    if isinstance(spec, Same):
        return x is spec.value
    if isinstance(spec, Branch):
        if type(x) is not spec.type or len(x) != len(spec.children):
            return False
        if isinstance(x, dict):
            if not all(k in x for k in spec.keys):
                return False
            x = [x[k] for k in spec.keys]
        return all(unpack(child, s, flat) for child, s in zip(x, spec.children, strict=True))
    flat.append(x)
    if isinstance(spec, Array):
        return fits_array(x, spec)
    return type(x) in spec.types and (type(x) is not int or -(2**63) <= x < 2**63)
