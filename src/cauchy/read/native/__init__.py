"""The native reading: a graph becomes machine code (LLVM), called without a detour through Python."""

from .kernel import Kernel, compile_graph

__all__ = ["Kernel", "compile_graph"]
