"""How each primitive is written: a rule makes a formula of the formulas of its arguments.

Contract of a rule: `rule(*formulas, **params) -> Formula` (a tuple for several outputs). Rounding is not
written: a change of precision leaves the formula as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Rules
from .formula import COMPARISONS, Formula, apply, at, call, each, expand, infix, number, whole

formula = Rules("notation", "write")

one, two = number(1), number(2)


def function(name: str, sub: str = "", sup: str = "") -> Callable[..., Formula]:
    return lambda *xs: call(name, *xs, sub=sub, sup=sup)


def array_function(name: str) -> Callable[..., Formula]:
    return lambda *xs, **params: apply(name, *xs)


def operator(op: str) -> Callable[..., Formula]:
    return lambda a, b: infix(op, a, b)


def product(*xs: Formula) -> Formula:
    return each("product", *xs)


def fraction(a: Formula, b: Formula) -> Formula:
    return each("fraction", a, b)


def exp(x: Formula) -> Formula:
    return each("exp", x)


def log(x: Formula) -> Formula:
    return call("log", x)


def absolute(x: Formula) -> Formula:
    return each("fence", x, data="abs")


def minus(x: Formula) -> Formula:
    return each("minus", x)


def power(a: Formula, b: Formula) -> Formula:
    return each("root", a, data=2) if b.kind == "number" and b.shape == () and b.data == 0.5 else each("power", a, b)


# -- elementwise -----------------------------------------------------------------------------------

WORDS = (P.sin, P.cos, P.tan, P.arcsin, P.arccos, P.arctan, P.sinh, P.cosh, P.tanh, P.log, P.sign, P.erf, P.erfc)
ORDER = (P.equal, P.not_equal, P.less, P.less_equal, P.greater, P.greater_equal)
formula.update({p: function(p.name) for p in WORDS})
formula.update({p: operator(sign) for p, sign in zip(ORDER, COMPARISONS, strict=True)})


def _cast(x: Formula, *, dtype: np.dtype[Any]) -> Formula:
    if dtype.kind == "f" or x.logical:
        return x
    return infix("≠", x, number(0)) if dtype.kind == "b" else call("int", x)


formula.update(
    {
        P.add: operator("+"),
        P.subtract: operator("-"),
        P.multiply: product,
        P.divide: fraction,
        P.power: power,
        P.negative: minus,
        P.positive: lambda x: x,
        P.reciprocal: lambda x: fraction(one, x),
        P.square: lambda x: power(x, two),
        P.sqrt: lambda x: each("root", x, data=2),
        P.cbrt: lambda x: each("root", x, data=3),
        P.hypot: lambda a, b: each("root", infix("+", power(a, two), power(b, two)), data=2),
        P.exp: exp,
        P.exp2: lambda x: power(two, x),
        P.expm1: lambda x: infix("-", exp(x), one),
        P.log2: function("log", "2"),
        P.log10: function("log", "10"),
        P.log1p: lambda x: log(infix("+", one, x)),
        P.logaddexp: lambda a, b: log(infix("+", exp(a), exp(b))),
        P.logaddexp2: lambda a, b: call("log", infix("+", power(two, a), power(two, b)), sub="2"),
        P.arctan2: function("atan2"),
        P.arcsinh: function("arsinh"),
        P.arccosh: function("arcosh"),
        P.arctanh: function("artanh"),
        P.deg2rad: lambda x: fraction(product(number(np.pi), x), number(180)),
        P.rad2deg: lambda x: fraction(product(number(180), x), number(np.pi)),
        P.absolute: absolute,
        P.copysign: function("copysign"),
        P.maximum: function("max"),
        P.minimum: function("min"),
        P.fmax: function("max"),
        P.fmin: function("min"),
        P.clip: lambda x, low, high: call("min", call("max", x, low), high),
        P.where: lambda c, a, b: each("cases", c, a, b),
        P.remainder: operator("mod"),
        P.fmod: function("fmod"),
        P.heaviside: function("heaviside"),
        P.floor: lambda x: each("fence", x, data="floor"),
        P.ceil: lambda x: each("fence", x, data="ceil"),
        P.trunc: function("trunc"),
        P.rint: function("round"),
        P.around: lambda x, *, decimals: call("round", x, sub=str(decimals) if decimals else ""),
        P.floor_divide: lambda a, b: each("fence", fraction(a, b), data="floor"),
        P.sinc: lambda x, *, order: call("sinc", x, sup=f"({order})" if order else ""),
        P.logical_and: operator("∧"),
        P.logical_or: operator("∨"),
        P.logical_xor: operator("⊕"),
        P.logical_not: lambda x: each("negation", x),
        P.isnan: function("isnan"),
        P.isfinite: function("isfinite"),
        P.isinf: function("isinf"),
        P.signbit: lambda x: infix("<", x, number(0)),
        P.bitwise_and: function("bitand"),
        P.bitwise_or: function("bitor"),
        P.bitwise_xor: function("bitxor"),
        P.invert: function("bitnot"),
        P.left_shift: lambda a, b: product(a, power(two, b)),
        P.right_shift: lambda a, b: each("fence", fraction(a, power(two, b)), data="floor"),
        P.gcd: function("gcd"),
        P.lcm: function("lcm"),
        P.astype: _cast,
    }
)

# -- special functions -------------------------------------------------------------------------------


def gamma(x: Formula) -> Formula:
    return call("Gamma", x)


def beta(a: Formula, b: Formula) -> Formula:
    return call("Beta", a, b)


def _rel_entr(x: Formula, y: Formula) -> Formula:
    return product(x, log(fraction(x, y)))


def _scaled(order: str) -> Callable[[Formula], Formula]:
    return lambda x: product(exp(minus(absolute(x))), call("I", x, sub=order))


formula.update(
    {
        P.expit: function("sigma"),
        P.logit: function("logit"),
        P.log_expit: lambda x: log(call("sigma", x)),
        P.erfcx: lambda x: product(exp(power(x, two)), call("erfc", x)),
        P.erfinv: function("erf", sup="-1"),
        P.erfcinv: function("erfc", sup="-1"),
        P.ndtr: function("Phi"),
        P.log_ndtr: lambda x: log(call("Phi", x)),
        P.ndtri: function("Phi", sup="-1"),
        P.gamma: gamma,
        P.gammaln: lambda x: log(absolute(gamma(x))),
        P.digamma: function("psi"),
        P.polygamma: lambda x, *, order: call("psi", x, sup=f"({order})"),
        P.beta: beta,
        P.betaln: lambda a, b: log(absolute(beta(a, b))),
        P.xlogy: lambda x, y: product(x, log(y)),
        P.xlog1py: lambda x, y: product(x, log(infix("+", one, y))),
        P.entr: lambda x: minus(product(x, log(x))),
        P.rel_entr: _rel_entr,
        P.kl_div: lambda x, y: infix("+", infix("-", _rel_entr(x, y), x), y),
        P.i0: function("I", "0"),
        P.i1: function("I", "1"),
        P.i0e: _scaled("0"),
        P.i1e: _scaled("1"),
        P.iv: lambda x, *, order: call("I", x, sub=str(order)),
        P.numpy_i0: function("I", "0"),
    }
)

# -- along axes ----------------------------------------------------------------------------------------


def _axes(x: Formula, axis: Any) -> tuple[int, ...]:
    n = len(x.dims)
    return tuple(range(n)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, n)


def reduced(op: str, of: Callable[[Formula], Formula] = lambda x: x) -> Callable[..., Formula]:
    return lambda x, *, axis, keepdims: whole("reduce", of(x), data=(op, _axes(x, axis), keepdims)) if x.dims else of(x)


def _logsumexp(x: Formula, *, axis: Any, keepdims: bool) -> Formula:
    axes = _axes(x, axis)
    rest = tuple(1 if i in axes else n for i, n in enumerate(x.dims) if keepdims or i not in axes)
    return log(whole("reduce", exp(x), data=("sum", axes, keepdims), shape=rest))


def scanned(op: str) -> Callable[..., Formula]:
    return lambda x, *, axis: whole("scan", x, data=(op, axis % max(len(x.dims), 1)))


formula.update(
    {
        P.sum: reduced("sum"),
        P.prod: reduced("prod"),
        P.max: reduced("max"),
        P.min: reduced("min"),
        P.any: reduced("any"),
        P.all: reduced("all"),
        P.argmax: reduced("argmax"),
        P.argmin: reduced("argmin"),
        P.count_nonzero: reduced("sum", lambda x: x if x.logical else infix("≠", x, number(0))),
        P.logsumexp: _logsumexp,
        P.cumsum: scanned("sum"),
        P.cumprod: scanned("prod"),
        P.softmax: array_function("softmax"),
        P.log_softmax: lambda x, *, axis: log(Formula("call", (x,), ("softmax", "", ""), x.dims)),
        P.argsort: array_function("argsort"),
        P.searchsorted: array_function("searchsorted"),
    }
)

# -- arrangement and parts -----------------------------------------------------------------------------


def _reshape(x: Formula, *, shape: tuple[int, ...]) -> Formula:
    if shape == x.dims:
        return x
    if x.kind == "grid" and not x.args[0].dims and len(shape) <= 2:
        return whole("grid", *x.args, shape=shape)
    if not shape:
        return at(x, ("0",) * len(x.dims))
    return whole("reshape", x, data=shape)


def _row(x: Formula) -> Formula | None:
    """What an array of one row was made of."""
    if x.kind == "number" and x.dims == (1,):
        return number(x.data)
    return x.args[0] if x.kind in ("reshape", "grid") and x.dims == (1, *x.args[0].dims) else None


def _concatenate(*xs: Formula, axis: int) -> Formula:
    rows = [row for x in xs if (row := _row(x))]
    if axis == 0 and len(rows) == len(xs) and len({row.dims for row in rows}) == 1:
        return whole("grid", *rows)
    return apply("concat", *xs, sub=str(axis) if axis else "")


def _transpose(x: Formula, *, axes: tuple[int, ...] | None) -> Formula:
    n = len(x.dims)
    return x if n < 2 else whole("transpose", x, data=tuple(axes or range(n)[::-1]))


def _getitem(x: Formula, *arrays: Formula, key: tuple[Any, ...]) -> Formula:
    full = expand(key, len(x.dims))
    if all(type(k) is int for k in full):
        return at(x, tuple(str(k % n) for k, n in zip(full, x.dims, strict=True)))
    return whole("part", x, *arrays, data=key)


formula.update(
    {
        P.reshape: _reshape,
        P.transpose: _transpose,
        P.broadcast_to: lambda x, *, shape: number(x.data, shape) if x.kind == "number" else whole("broadcast", x),
        P.concatenate: _concatenate,
        P.getitem: _getitem,
        P.setitem: lambda x, v, *arrays, key: whole("put", x, v, *arrays, data=(key, "←")),
        P.add_at: lambda x, v, *arrays, key: whole("put", x, v, *arrays, data=(key, "+←")),
        P.scatter_add: lambda v, *arrays, key, shape: whole("put", number(0, shape), v, *arrays, data=(key, "+←")),
        P.take_along_axis: array_function("take"),
        P.scatter_along_axis: array_function("scatter"),
    }
)

# -- linear algebra ------------------------------------------------------------------------------------


def _matmul(a: Formula, b: Formula) -> Formula:
    return whole("matmul", a, b) if a.dims and b.dims else product(a, b)


def _inner(a: Formula, b: Formula) -> Formula:
    return apply("inner", a, b) if len(a.dims) > 1 or len(b.dims) > 1 else _matmul(a, b)


def _inverse(a: Formula, mark: str = "-1") -> Formula:
    return whole("marked", a, data=mark, shape=(*a.dims[:-2], a.dims[-1], a.dims[-2]))


def _det(a: Formula) -> Formula:
    return Formula("call", (a,), ("det", "", ""), a.dims[:-2])


formula.update(
    {
        P.matmul: _matmul,
        P.dot: _matmul,
        P.inner: _inner,
        P.vdot: lambda a, b: apply("inner", a, b) if len(a.dims) > 1 else _matmul(a, b),
        P.einsum: lambda *xs, subscripts: whole("einsum", *xs, data=subscripts),
        P.convolve: lambda a, v, *, mode: whole("infix", a, v, data="∗"),
        P.correlate: lambda a, v, *, mode: whole("infix", a, v, data="⋆"),
        P.solve: lambda a, b: _matmul(_inverse(a), b),
        P.solve_triangular: lambda a, b, *, lower, trans, unit_diagonal: _matmul(
            _inverse(whole("transpose", a, data=(1, 0), shape=a.dims) if trans else a), b
        ),
        P.inv: _inverse,
        P.det: _det,
        P.slogdet: lambda a: (call("sign", _det(a)), log(absolute(_det(a)))),
        P.cholesky: lambda a, *, upper: apply("chol", a),
        P.cholesky_or_nan: lambda a: apply("chol", a),
        P.eigh: lambda a, *, uplo: (apply("eigenvalues", a), apply("eigenvectors", a)),
        P.eigvalsh: lambda a, *, uplo: apply("eigenvalues", a),
        P.svd: lambda a, *, full_matrices: tuple(
            apply(s, a) for s in ("leftvectors", "singularvalues", "rightvectors")
        ),
        P.svdvals: array_function("singularvalues"),
        P.qr: lambda a, *, mode: (apply("Q", a), apply("R", a)),
        P.pinv: lambda a, *, rcond: _inverse(a, "+"),
        P.lstsq: lambda a, b, *, rcond: _matmul(_inverse(a, "+"), b),
        P.lstsq_report: lambda a, b, *, rcond: (apply("residuals", a, b), apply("rank", a), apply("singularvalues", a)),
    }
)

# -- control -------------------------------------------------------------------------------------------


def _custom(*xs: Formula, fn: Any) -> Formula:
    inner = getattr(fn, "owner", fn)
    return apply(getattr(inner, "__name__", type(inner).__name__), *xs)


formula.update(
    {
        P.identity: lambda x: x,
        P.stop_gradient: function("stop"),
        P.item: lambda t, *, index: t[index],
        P.custom: _custom,
    }
)
formula.refuse((P.scan, P.while_loop), "a loop is a recurrence; print(graph) lists the operations of its body")
formula.refuse(P.cond, "its sides are programs of their own; print(graph) lists their operations")
