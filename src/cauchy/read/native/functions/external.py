"""SciPy's scalar kernels, called by their addresses: their bits are those of `scipy.special`.

The compiled module `scipy.special.cython_special` publishes them in `__pyx_capi__` as capsules whose name is
the C signature. A SIMD vector is taken apart, one call for each lane. SciPy computes float32 in double
precision, except where it has a kernel for it.
"""

from __future__ import annotations

import ctypes
import functools

from ....errors import InternalError
from ..ir import LLVM_TYPE, Builder, Value
from . import elementary

# primitive -> capsules for float64 and, where SciPy has one, for float32
KERNELS: dict[str, tuple[str, ...]] = {
    "erfcx": ("__pyx_fuse_1erfcx",),
    "erfinv": ("__pyx_fuse_0erfinv", "__pyx_fuse_1erfinv"),
    "erfcinv": ("erfcinv",),
    "ndtri": ("ndtri",),
    "gamma": ("__pyx_fuse_1gamma",),
    "gammaln": ("gammaln",),
    "digamma": ("__pyx_fuse_1psi",),
    "beta": ("beta",),
    "betaln": ("betaln",),
    "rel_entr": ("rel_entr",),
    "kl_div": ("kl_div",),
    "i0": ("i0",),
    "i1": ("i1",),
    "i0e": ("i0e",),
    "i1e": ("i1e",),
    "iv": ("__pyx_fuse_1iv",),  # the order first
}
_BINARY = {"beta", "betaln", "rel_entr", "kl_div", "iv"}


_capsule_name = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))
_capsule_pointer = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)


@functools.cache
def address(capsule: str, scalar: str, arity: int) -> int:
    """Where SciPy's kernel lies in this process; its signature must be the one we call it with."""
    from scipy.special import cython_special

    found = cython_special.__pyx_capi__.get(capsule)
    name = b"" if found is None else _capsule_name(found)
    wanted = f"{scalar} ({f'{scalar}, ' * arity}int __pyx_skip_dispatch)"
    if name.decode() != wanted:
        raise InternalError(f"scipy.special.cython_special has `{name.decode()}` for `{capsule}`; expected `{wanted}`")
    return _capsule_pointer(found, name)


def call_each(b: Builder, name: str, *args: Value) -> Value:
    """SciPy's kernel of every lane."""
    kind, capsules = args[0].kind, KERNELS[name]
    inner = "f32" if kind == "f32" and len(capsules) == 2 else "f64"
    scalar = LLVM_TYPE[inner]
    where = address(capsules[inner == "f32"], scalar, len(args))
    wide = [b.convert(a, inner) for a in args]
    out = b.const(inner, 0)
    for i in range(b.width):
        values = "".join(f"{scalar} {b.lane(a, i)}, " for a in wide)
        y = b.emit(f"call {scalar} inttoptr (i64 {where} to ptr)({values}i32 0)", inner)
        out = b.with_lane(out, i, y.ref)
    return b.convert(out, kind)


for _name in KERNELS:
    elementary(_name, ulp={}, arity=2 if _name in _BINARY else 1)(
        lambda b, *args, _name=_name: call_each(b, _name, *args)
    )
