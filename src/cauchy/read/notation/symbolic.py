"""What the graph is worth in symbols: every primitive means an exact SymPy expression, entry by entry.

Arrays are NumPy arrays of expressions, so that NumPy itself arranges, adds and multiplies them. Contract of
a rule: `rule(*meanings, **params) -> meaning`, a meaning being an expression or an object array of them
(a tuple of these for several outputs). `Cannot` says that these operands have no expression.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import ops as P
from ...graph import Primitive, Rules
from ..value.index import full_key
from ..value.index import setitem as put
from .exact import Cannot, Expr, Meaning, choose, each, logical, number, sp, sympys, truth

symbolic = Rules("notation", "express symbolically")

# -- elementwise -------------------------------------------------------------------------------------


def _constant_integer(e: Expr) -> int:
    if not e.is_Integer:
        raise Cannot("which entry is read depends on the values of the inputs", "evaluate the graph: graph.run(...)")
    return int(e)


def _truncated(x: Expr) -> Expr:
    return choose((sp.floor(x), x >= 0), (sp.ceiling(x), sp.true))


def _rint(x: Expr) -> Expr:
    up = sp.floor(x + sp.Rational(1, 2))
    tie = sp.And(sp.Eq(up, x + sp.Rational(1, 2)), sp.Eq(sp.Mod(up, 2), 1))
    return choose((up - 1, tie), (up, sp.true))


def _cbrt(x: Expr) -> Expr:
    third = sp.Rational(1, 3)
    return choose((x**third, x >= 0), (-((-x) ** third), sp.true))


def _extreme(name: str, es: Sequence[Expr]) -> Expr:
    # SymPy compares all pairs to simplify: seconds for sixty symbols
    if not es:
        raise Cannot("the extremum of no entries does not exist")
    es = list(dict.fromkeys(map(number, es)))
    size = sum(len(e.args) if e.func is getattr(sp, name) else 1 for e in es)
    return getattr(sp, name)(*es, evaluate=size <= 4) if len(es) > 1 else es[0]


def _largest(*es: Expr) -> Expr:
    return sp.Or(*es) if all(map(logical, es)) else _extreme("Max", es)


def _smallest(*es: Expr) -> Expr:
    return sp.And(*es) if all(map(logical, es)) else _extreme("Min", es)


def _as_is(e: Expr) -> Expr:
    return e


def _where(c: Expr, a: Expr, b: Expr) -> Expr:
    if logical(a) and logical(b):
        return sp.ITE(truth(c), a, b)
    return choose((number(a), truth(c)), (number(b), sp.true))


def _cast(x: Expr, *, dtype: np.dtype[Any]) -> Expr:
    if dtype.kind == "b":
        return truth(x)
    return _truncated(number(x)) if dtype.kind in "iu" else number(x)


def _sinc(x: Expr, *, order: int = 0) -> Expr:
    t = sp.Dummy("t", real=True)
    at_zero = sp.pi**order * sp.cos(order * sp.pi / 2) / (order + 1)
    return choose((at_zero, sp.Eq(x, 0)), (sp.diff(sp.sin(sp.pi * t) / (sp.pi * t), t, order).subs(t, x), sp.true))


def _kind(e: Expr) -> str:
    """ "nan", "inf" or "real", at every real input; raises where SymPy cannot tell."""
    if e is sp.nan or e.is_infinite:
        return "nan" if e is sp.nan else "inf"
    if not e.is_real:
        raise Cannot("whether this is a number depends on the values of the inputs")
    return "real"


def is_kind(*kinds: str) -> Callable[[Expr], Expr]:
    return lambda e: sp.true if _kind(e) in kinds else sp.false


def _xlog(x: Expr, y: Expr) -> Expr:
    return choose((sp.Integer(0), sp.Eq(x, 0)), (x * sp.log(y), sp.true))


def _rel_entr(x: Expr, y: Expr, rest: Expr) -> Expr:
    inside, edge = sp.And(x > 0, y > 0), sp.And(sp.Eq(x, 0), y >= 0)
    return choose((x * sp.log(x / y) + rest, inside), (rest, edge), (sp.oo, sp.true))


def _only_truths(f: Callable[..., Expr]) -> Callable[..., Expr]:
    def rule(*es: Expr) -> Expr:
        if not all(map(logical, es)):
            raise Cannot(
                "the bits of an integer have no formula",
                "use np.logical_and, np.logical_or, np.logical_not on truth values",
            )
        return f(*es)

    return rule


def _phi(x: Expr) -> Expr:
    return (1 + sp.erf(x / sp.sqrt(2))) / 2


SAME = {
    P.sin: "sin", P.cos: "cos", P.tan: "tan", P.arcsin: "asin", P.arccos: "acos", P.arctan: "atan",
    P.arctan2: "atan2", P.sinh: "sinh", P.cosh: "cosh", P.tanh: "tanh", P.arcsinh: "asinh", P.arccosh: "acosh",
    P.arctanh: "atanh", P.exp: "exp", P.log: "log", P.sqrt: "sqrt", P.absolute: "Abs", P.sign: "sign",
    P.floor: "floor", P.ceil: "ceiling", P.equal: "Eq", P.not_equal: "Ne", P.less: "Lt", P.less_equal: "Le",
    P.greater: "Gt", P.greater_equal: "Ge", P.erf: "erf", P.erfc: "erfc", P.erfinv: "erfinv",
    P.gamma: "gamma", P.digamma: "digamma",
}  # fmt: skip

ELEMENTWISE: dict[Primitive, Callable[..., Expr]] = {
    P.add: lambda a, b: a + b,
    P.subtract: lambda a, b: a - b,
    P.multiply: lambda a, b: a * b,
    P.divide: lambda a, b: a / b,
    P.power: lambda a, b: a**b,
    P.negative: lambda x: -x,
    P.positive: lambda x: x,
    P.reciprocal: lambda x: 1 / x,
    P.square: lambda x: x**2,
    P.cbrt: _cbrt,
    P.hypot: lambda a, b: sp.sqrt(a**2 + b**2),
    P.exp2: lambda x: 2**x,
    P.expm1: lambda x: sp.exp(x) - 1,
    P.log2: lambda x: sp.log(x) / sp.log(2),
    P.log10: lambda x: sp.log(x) / sp.log(10),
    P.log1p: lambda x: sp.log(1 + x),
    P.logaddexp: lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
    P.logaddexp2: lambda a, b: sp.log(2**a + 2**b) / sp.log(2),
    P.deg2rad: lambda x: x * sp.pi / 180,
    P.rad2deg: lambda x: x * 180 / sp.pi,
    P.copysign: lambda a, b: choose((sp.Abs(a), b >= 0), (-sp.Abs(a), sp.true)),
    P.remainder: lambda a, b: a - b * sp.floor(a / b),
    P.fmod: lambda a, b: a - b * _truncated(a / b),
    P.heaviside: lambda x, h: choose((sp.Integer(0), x < 0), (h, sp.Eq(x, 0)), (sp.Integer(1), sp.true)),
    P.trunc: _truncated,
    P.rint: _rint,
    P.around: lambda x, *, decimals: _rint(x * sp.Integer(10) ** decimals) / sp.Integer(10) ** decimals,
    P.floor_divide: lambda a, b: sp.floor(a / b),
    P.sinc: _sinc,
    P.isnan: is_kind("nan"),
    P.isfinite: is_kind("real"),
    P.isinf: is_kind("inf"),
    P.signbit: lambda x: x < 0,
    P.left_shift: lambda a, b: a * 2**b,
    P.right_shift: lambda a, b: sp.floor(a / 2**b),
    P.expit: lambda x: 1 / (1 + sp.exp(-x)),
    P.logit: lambda x: sp.log(x / (1 - x)),
    P.log_expit: lambda x: -sp.log(1 + sp.exp(-x)),
    P.erfcinv: lambda x: sp.erfinv(1 - x),  # SymPy evaluates no erfcinv
    P.erfcx: lambda x: sp.exp(x**2) * sp.erfc(x),
    P.ndtr: _phi,
    P.log_ndtr: lambda x: sp.log(_phi(x)),
    P.ndtri: lambda x: sp.sqrt(2) * sp.erfinv(2 * x - 1),
    P.gammaln: lambda x: sp.log(sp.Abs(sp.gamma(x))),  # loggamma is complex left of 0
    P.polygamma: lambda x, *, order: sp.polygamma(order, x),
    P.beta: lambda a, b: sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b),
    P.betaln: lambda a, b: sp.log(sp.Abs(sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b))),
    P.xlogy: _xlog,
    P.xlog1py: lambda x, y: _xlog(x, 1 + y),
    P.entr: lambda x: choose((-x * sp.log(x), x > 0), (sp.Integer(0), sp.Eq(x, 0)), (-sp.oo, sp.true)),
    P.rel_entr: lambda x, y: _rel_entr(x, y, sp.Integer(0)),
    P.kl_div: lambda x, y: _rel_entr(x, y, y - x),
    P.i0: lambda x: sp.besseli(0, x),
    P.i1: lambda x: sp.besseli(1, x),
    P.i0e: lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(0, x),
    P.i1e: lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(1, x),
    P.iv: lambda x, *, order: sp.besseli(order, x),
    P.numpy_i0: lambda x: sp.besseli(0, x),
}
symbolic.update({p: each(sympys(name)) for p, name in SAME.items()} | {p: each(f) for p, f in ELEMENTWISE.items()})

LOGIC = {P.logical_and: "And", P.logical_or: "Or", P.logical_xor: "Xor", P.logical_not: "Not"}
symbolic.update({p: each(sympys(name), truth) for p, name in LOGIC.items()})

# entries taken as they are: numbers or truth values
symbolic.update(
    {
        P.maximum: each(_largest, _as_is),
        P.minimum: each(_smallest, _as_is),
        P.fmax: each(_largest, _as_is),
        P.fmin: each(_smallest, _as_is),
        P.clip: each(lambda x, low, high: _smallest(_largest(x, low), high), _as_is),
        P.where: each(_where, _as_is),
        P.astype: each(_cast, _as_is),
        P.bitwise_and: each(_only_truths(sympys("And")), _as_is),
        P.bitwise_or: each(_only_truths(sympys("Or")), _as_is),
        P.bitwise_xor: each(_only_truths(sympys("Xor")), _as_is),
        P.invert: each(_only_truths(sympys("Not")), _as_is),
    }
)
symbolic.refuse((P.gcd, P.lcm), "SymPy's gcd is that of polynomials, not of the integers they take as values")

# -- along axes ----------------------------------------------------------------------------------------


def along(f: Callable[[list[Expr]], Expr]) -> Callable[..., Meaning]:
    """Reduce by f, a function of the list of entries."""

    def rule(x: Meaning, *, axis: Any = None, keepdims: bool = False) -> Meaning:
        x = np.asarray(x, object)
        axes = tuple(range(x.ndim)) if axis is None else np.lib.array_utils.normalize_axis_tuple(axis, x.ndim)
        rest = tuple(i for i in range(x.ndim) if i not in axes)
        lists = x.transpose(rest + axes)
        out = np.empty([x.shape[i] for i in rest], object)
        for i in np.ndindex(out.shape):
            out[i] = f(list(lists[i].flat) if axes else [lists[i]])
        return (np.expand_dims(out, axes) if keepdims else out)[()]

    return rule


def _first_extreme(sense: Callable[[Expr, Expr], Expr]) -> Callable[[list[Expr]], Expr]:
    def index(es: list[Expr]) -> Expr:
        es = [number(e) for e in es]
        if len(es) > 8:
            raise Cannot("the position of an extremum of more than 8 entries is too long a case distinction")
        wins = [sp.And(*(sense(e, other) for other in es)) for e in es[:-1]]
        return choose(*((sp.Integer(i), w) for i, w in enumerate(wins)), (sp.Integer(len(es) - 1), sp.true))

    return index


numbers = each(_as_is)


_logsumexp = along(lambda es: sp.log(sp.Add(*(sp.exp(number(e)) for e in es))))


def _softmax(x: Meaning, *, axis: Any) -> Meaning:
    e = each(sympys("exp"))(x)
    return e / symbolic[P.sum](e, axis=axis, keepdims=True)


def _searchsorted(a: Meaning, v: Meaning, *, side: str) -> Meaning:
    before = (lambda s, t: s < t) if side == "left" else (lambda s, t: s <= t)
    entries = [number(e) for e in np.asarray(a, object)]
    return each(lambda t: sp.Add(*(number(before(s, t)) for s in entries)))(v)


symbolic.update(
    {
        P.sum: along(lambda es: sp.Add(*map(number, es))),
        P.prod: along(lambda es: sp.Mul(*map(number, es))),
        P.max: along(lambda es: _largest(*es)),
        P.min: along(lambda es: _smallest(*es)),
        P.any: along(lambda es: sp.Or(*map(truth, es))),
        P.all: along(lambda es: sp.And(*map(truth, es))),
        P.count_nonzero: along(lambda es: sp.Add(*(number(truth(e)) for e in es))),
        P.argmax: along(_first_extreme(lambda a, b: a >= b)),
        P.argmin: along(_first_extreme(lambda a, b: a <= b)),
        P.logsumexp: lambda x, *, axis, keepdims: _logsumexp(x if np.ndim(x) else [x], axis=axis, keepdims=keepdims),
        P.cumsum: lambda x, *, axis: np.cumsum(numbers(x), axis=axis),
        P.cumprod: lambda x, *, axis: np.cumprod(numbers(x), axis=axis),
        P.softmax: _softmax,
        P.log_softmax: lambda x, *, axis: numbers(x) - _logsumexp(x, axis=axis, keepdims=True),
        P.searchsorted: _searchsorted,
    }
)
symbolic.refuse(P.argsort, "the order of n entries is a case distinction over n! permutations")

# -- arrangement and parts -----------------------------------------------------------------------------

integers = each(_constant_integer)


def _indices(a: Meaning) -> np.ndarray:
    return np.asarray(integers(a)).astype(np.intp)


def _key(key: tuple[Any, ...], arrays: tuple[Meaning, ...]) -> tuple[Any, ...]:
    return full_key(key, tuple(map(_indices, arrays)))


def _zeros(shape: tuple[int, ...]) -> np.ndarray:
    return np.full(shape, sp.Integer(0), object)


def _add_at(x: Meaning, v: Meaning, *arrays: Meaning, key: tuple[Any, ...]) -> Meaning:
    out = np.array(numbers(x), object)
    np.add.at(out, _key(key, arrays), numbers(v))
    return out[()]


def _scatter_add(v: Meaning, *arrays: Meaning, key: tuple[Any, ...], shape: tuple[int, ...]) -> Meaning:
    return _add_at(_zeros(shape), v, *arrays, key=key)


def _scatter_along_axis(v: Meaning, indices: Meaning, *, axis: int, shape: tuple[int, ...]) -> Meaning:
    out, at = _zeros(shape), _indices(indices)
    where = list(np.ogrid[tuple(slice(n) for n in at.shape)])
    where[axis] = at
    np.add.at(out, tuple(where), numbers(v))
    return out


symbolic.update(
    {
        P.reshape: lambda x, *, shape: np.reshape(np.asarray(x, object), shape)[()],
        P.transpose: lambda x, *, axes: np.transpose(x, axes),
        P.broadcast_to: lambda x, *, shape: np.broadcast_to(np.asarray(x, object), shape)[()],
        P.concatenate: lambda *xs, axis: np.concatenate(xs, axis=axis),
        P.getitem: lambda x, *arrays, key: np.asarray(x, object)[_key(key, arrays)],
        P.setitem: lambda x, v, *arrays, key: put(np.asarray(x, object), v, *map(_indices, arrays), key=key),
        P.add_at: _add_at,
        P.scatter_add: _scatter_add,
        P.take_along_axis: lambda x, indices, *, axis: np.take_along_axis(x, _indices(indices), axis),
        P.scatter_along_axis: _scatter_along_axis,
    }
)

# -- linear algebra ------------------------------------------------------------------------------------


def product(f: Callable[..., Any]) -> Callable[..., Meaning]:
    """A NumPy product, which works on arrays of objects as it stands."""
    return lambda *xs, **params: f(*(np.asarray(numbers(x), object) for x in xs), **params)


def matrices(signature: str, largest: int) -> Callable[[Callable[[Any], Any]], Callable[..., Meaning]]:
    """A function of one square SymPy matrix, over stacks of them."""

    def decorate(f: Callable[[Any], Any]) -> Callable[..., Meaning]:
        def one(a: np.ndarray) -> Any:
            return np.array(f(sp.Matrix(a)), object)[()]

        def rule(a: Meaning) -> Meaning:
            if a.shape[-1] > largest:
                raise Cannot(f"the formula for a matrix larger than {largest} x {largest} is too long to be read")
            return np.vectorize(one, signature=signature, otypes=[object])(numbers(a))[()]

        return rule

    return decorate


@matrices("(n,n)->()", 4)
def det(m: Any) -> Any:
    return m.det(method="berkowitz")


@matrices("(n,n)->(n,n)", 3)
def inv(m: Any) -> Any:
    return m.adjugate() / m.det(method="berkowitz")


@matrices("(n,n)->(n,n)", 4)
def cholesky(m: Any) -> Any:
    """Cholesky-Banachiewicz, from the lower triangle alone as in NumPy."""
    low = sp.zeros(*m.shape)
    for i in range(m.rows):
        for j in range(i + 1):
            rest = m[i, j] - sp.Add(*(low[i, k] * low[j, k] for k in range(j)))
            low[i, j] = sp.sqrt(rest) if i == j else rest / low[j, j]
    return low


def _cholesky(a: Meaning, *, upper: bool) -> Meaning:
    return np.swapaxes(cholesky(np.swapaxes(a, -1, -2)), -1, -2) if upper else cholesky(a)


def _slogdet(a: Meaning) -> tuple[Meaning, Meaning]:
    d = det(a)
    return each(sympys("sign"))(d), each(lambda v: sp.log(sp.Abs(v)))(d)


def _solve_triangular(a: Meaning, b: Meaning, *, lower: bool, trans: bool, unit_diagonal: bool) -> Meaning:
    a, b = numbers(a), numbers(b)
    if a.ndim != 2 or a.shape[0] > 8:
        raise Cannot("substitution is written out for one triangular matrix of at most 8 x 8")
    if trans:
        a, lower = a.T, not lower
    n, x = len(a), np.array(b)
    for i in range(n) if lower else reversed(range(n)):
        for k in range(i) if lower else range(i + 1, n):
            x[i] = x[i] - a[i, k] * x[k]
        x[i] = x[i] if unit_diagonal else x[i] / a[i, i]
    return x


symbolic.update(
    {
        P.matmul: product(np.matmul),
        P.dot: product(np.dot),
        P.inner: product(np.inner),
        P.vdot: product(lambda a, b: np.dot(a.ravel(), b.ravel())),
        P.einsum: lambda *xs, subscripts: product(lambda *ys: np.einsum(subscripts, *ys))(*xs),
        P.convolve: lambda a, v, *, mode: product(np.convolve)(a, v, mode=mode),
        P.correlate: lambda a, v, *, mode: product(np.correlate)(a, v, mode=mode),
        P.solve: lambda a, b: np.matmul(inv(a), numbers(b)),
        P.solve_triangular: _solve_triangular,
        P.inv: inv,
        P.det: det,
        P.slogdet: _slogdet,
        P.cholesky: _cholesky,
    }
)
symbolic.refuse(
    (P.eigh, P.eigvalsh, P.svd, P.svdvals), "eigenvalues and singular values have no closed form beyond 4 x 4"
)
symbolic.refuse(P.cholesky_or_nan, "whether there is a factor is decided by values; np.linalg.cholesky has a formula")
symbolic.refuse(P.qr, "the signs of the factors are chosen by the Householder steps, from the values")
symbolic.refuse((P.pinv, P.lstsq, P.lstsq_report), "the rank, and with it the formula, depends on the values")

# -- control -------------------------------------------------------------------------------------------

symbolic.update({P.identity: _as_is, P.stop_gradient: _as_is, P.item: lambda t, *, index: t[index]})
symbolic.refuse(P.custom, "the Python function inside runs on numbers, symbols cannot pass through it")
symbolic.refuse(
    (P.scan, P.while_loop), "what a loop computes is a recurrence, which has no closed expression in general"
)
symbolic.refuse(P.cond, "which side is taken is decided by values; np.where has an expression")
