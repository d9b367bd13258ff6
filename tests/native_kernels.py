"""Elementary functions of the native reading as functions of arrays, for tests and measurements."""

from __future__ import annotations

import ctypes
import functools
import math
from collections.abc import Callable

import flint
import numpy as np

from cauchy.read.native.functions import TABLE, definitions
from cauchy.read.native.ir import LLVM_TYPE, Builder, Value
from cauchy.read.native.llvm import Library, vector_bytes

DTYPES = {"f64": np.float64, "f32": np.float32}


def vector_width(kind: str) -> int:
    return vector_bytes() // np.dtype(DTYPES[kind]).itemsize


def kernel_text(name: str, kind: str, width: int) -> str:
    """IR of `void kernel(ptr in..., ptr out, i64 n)`, n a multiple of the width."""
    arity, b = TABLE[name].arity, Builder(width)
    t, align = b.type(kind), np.dtype(DTYPES[kind]).itemsize
    args = []
    for k in range(arity):
        b.do(f"%p{k} = getelementptr {LLVM_TYPE[kind]}, ptr %in{k}, i64 %i")
        b.do(f"%x{k} = load {t}, ptr %p{k}, align {align}")
        args.append(Value(b, f"%x{k}", kind))
    y = b.call(name, *args)
    b.do(f"%q = getelementptr {LLVM_TYPE[kind]}, ptr %out, i64 %i")
    b.do(f"store {t} {y.ref}, ptr %q, align {align}")
    texts, declares = definitions(b.needs)
    pointers = "".join(f"ptr noalias %in{k}, " for k in range(arity))
    return "\n".join(
        [
            *sorted(declares | b.declares),
            *texts,
            f"define void @kernel({pointers}ptr noalias %out, i64 %n) {{",
            "entry:",
            "  br label %loop",
            "loop:",
            "  %i = phi i64 [ 0, %entry ], [ %j, %loop ]",
            *b.lines,
            f"  %j = add i64 %i, {width}",
            "  %more = icmp ult i64 %j, %n",
            "  br i1 %more, label %loop, label %exit",
            "exit:",
            "  ret void",
            "}",
        ]
    )


@functools.cache
def library(name: str, kind: str, width: int) -> Library:
    return Library(kernel_text(name, kind, width))


@functools.cache
def kernel(name: str, kind: str, width: int) -> Callable[..., np.ndarray]:
    """The elementary function `name` on arrays of one dimension."""
    lib, arity = library(name, kind, width), TABLE[name].arity
    f = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(lib.address("kernel"))

    def call(*xs: np.ndarray) -> np.ndarray:
        n = len(xs[0])
        size = -(-n // width) * width
        padded = [np.ones(size, DTYPES[kind]) for _ in xs]
        for p, x in zip(padded, xs, strict=True):
            p[:n] = x
        out = np.empty(size, DTYPES[kind])
        if size:
            f(*[p.ctypes.data for p in padded], out.ctypes.data, size)
        return out[:n]

    return call


# -- truth -------------------------------------------------------------------------------------------------

PRECISION = {"f64": (53, -1074), "f32": (24, -149)}


def bits(kind: str, n: int, seed: int) -> np.ndarray:
    """n random bit patterns: all exponents, both signs, subnormals, infinities and NaNs."""
    unsigned = np.uint64 if kind == "f64" else np.uint32
    return (
        np.random.default_rng(seed).integers(0, np.iinfo(unsigned).max, n, unsigned, endpoint=True).view(DTYPES[kind])
    )


def edges(kind: str, *points: float) -> np.ndarray:
    """Zeros, infinities, NaN, the smallest and largest numbers, the points with their neighbors; with both signs."""
    dtype = DTYPES[kind]
    info = np.finfo(dtype)
    tiny = [
        0.0,
        info.smallest_subnormal,
        3 * info.smallest_subnormal,
        info.smallest_normal,
        info.max,
        math.inf,
        math.nan,
    ]
    near = [
        np.nextafter(dtype(p), dtype(d)) for p in (*points, info.smallest_normal, 1.0) for d in (-math.inf, p, math.inf)
    ]
    x = np.concatenate([np.array(tiny, dtype), np.array(near, dtype)])
    return np.concatenate([x, -x])


def ball(f: Callable[..., flint.arb], xs: tuple[float, ...]) -> flint.arb:
    """f(xs) to 60 bits at least."""
    for precision in (160, 1400, 6000):
        flint.ctx.prec = precision
        t = f(*map(flint.arb, xs))
        if t.rel_accuracy_bits() > 60:
            return t
    raise AssertionError(f"no accurate value at {xs}")


def error(t: flint.arb, y: float, kind: str) -> float:
    """|y - t| in units of the last place of t."""
    p, least = PRECISION[kind]
    m, e = (t.mid().man_exp()) if t != 0 else (1, -100000)
    e = max(int(e) + int(abs(m)).bit_length() - p, least)
    return abs(float((t - flint.arb(y)) * flint.arb(2) ** -e))


def worst(
    f: Callable[..., flint.arb], kind: str, xs: tuple[np.ndarray, ...], y: np.ndarray
) -> tuple[float, tuple[float, ...]]:
    """The largest error of the finite results at finite arguments, and the arguments there."""
    out = (0.0, ())
    for v, *x in zip(y.tolist(), *(x.tolist() for x in xs), strict=True):
        if math.isfinite(v) and all(map(math.isfinite, x)):
            out = max(out, (error(ball(f, tuple(x)), v, kind), tuple(x)))
    return out


def same(x: np.ndarray, y: np.ndarray) -> bool:
    """Equal bit for bit, except that one NaN is like another."""
    whole = f"u{x.itemsize}"
    return x.dtype == y.dtype and bool(np.all((x.view(whole) == y.view(whole)) | (np.isnan(x) & np.isnan(y))))
