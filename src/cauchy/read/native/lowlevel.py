"""Kernels as functions of numbers for callers in C, such as `scipy.LowLevelCallable`: no Python, no GIL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...errors import InternalError
from .cobject import ALIGN, STACK, Code, at
from .layout import c_function
from .signature import Array, Scalar, Signature

SCALAR, QUAD = "cauchy.scalar", "cauchy.quad"


def scalar_entry_ir(spec: Signature) -> str:
    """Text of `double @cauchy.scalar(double, ...)` and `double @cauchy.quad(i32 n, ptr xx)`.

    For a signature whose inputs are numbers (float64 scalars, or arrays of one element) and whose one output is such a
    number. The result is NaN where the kernel gives up (a guard fails), where n is not the number of inputs, and where
    a captured array has another shape than it had. Other watches cannot be asked without Python.
    """
    for s in (*spec.inputs, *spec.outputs):
        if not isinstance(s, (Scalar, Array)) or s.dtype != np.float64 or any(n != 1 for n in getattr(s, "shape", ())):
            raise InternalError(f"{s} is no number for a C function")
    if len(spec.outputs) != 1:
        raise InternalError(f"a C function returns one number, not {len(spec.outputs)}")
    if not all(x.flags.c_contiguous and x.flags.aligned and x.dtype.isnative for x in spec.captured):
        raise InternalError("a C function cannot copy a captured array that is not contiguous")
    n = len(spec.inputs)
    scalar, quad = Code(), Code()
    quad.need(quad.equal("i32", "%n", n))
    return _function(
        f"define double @{SCALAR}({', '.join(f'double %x{i}' for i in range(n))})",
        scalar,
        [f"%x{i}" for i in range(n)],
        spec,
    ) + _function(
        f"define double @{QUAD}(i32 %n, ptr %xx)", quad, [quad.load("double", "%xx", 8 * i) for i in range(n)], spec
    )


def _function(head: str, code: Code, values: Sequence[str], spec: Signature) -> str:
    data = []
    for v in values:
        data.append(code.room("double"))
        code.store("double", v, data[-1])
    data += [code.array(at(x), Array(x.dtype, x.shape)) for x in spec.captured]
    out, heap = code.room("double"), ""
    if spec.scratch <= STACK:
        scratch = code.room(f"[{spec.scratch} x i8]") if spec.scratch else "null"
    else:
        heap = code.call("ptr", c_function("PyMem_RawMalloc"), f"i64 {spec.scratch + ALIGN}")
        code.need(code.let(f"icmp ne ptr {heap}, null"))
        scratch = code.aligned(heap)
    rc = code.let(f"call i32 @kernel(ptr {code.pointers(data)}, ptr {code.pointers([out])}, ptr {scratch})")
    if heap:
        code.call("void", c_function("PyMem_RawFree"), f"ptr {heap}")
    code.need(code.equal("i32", rc, 0))
    code.do(f"ret double {code.load('double', out)}")
    code.place("slow")
    code.do("ret double 0x7FF8000000000000")
    return "\n".join([head + " {", *code.storage, *code.lines, "}", ""])
