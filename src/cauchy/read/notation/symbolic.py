"""What the graph is worth in symbols: every primitive means an exact SymPy expression, entry by entry.

Arrays are NumPy arrays of expressions, so that NumPy itself arranges, adds and multiplies them. Contract of
a rule: `rule(*meanings, **params) -> meaning`, a meaning being an expression or an object array of them
(a tuple of these for several outputs). `Cannot` says that these operands have no expression.

The expression is the function over the real numbers: rounding, overflow, the sign of zero and the
width of integers are not in it.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from ... import ops as P
from ...errors import CauchyError, Refused, ShapeError
from ...graph import CONST, Graph, Node, Rules
from ..value.index import full_key
from ..value.index import setitem as put

ENTRIES = 64  # of one array
SIZE = 5_000  # operations and symbols in one entry, shared parts counted each time
DEPTH = 120  # SymPy recurses into expressions
WORK = 20_000  # entries over all nodes

Expr = Any  # SymPy is not typed
Meaning = Any


class _SymPy:
    """SymPy, imported when first asked for something: it is slow to load."""

    def __getattr__(self, name: str) -> Any:
        import sympy

        return getattr(sympy, name)


sp: Any = _SymPy()


class Cannot(Exception):  # noqa: N818
    """These operands have no expression: why, and what to do."""

    def __init__(self, why: str, fix: str = "") -> None:
        super().__init__(why)
        self.why, self.fix = why, fix


symbolic = Rules("notation", "express symbolically")

# -- numbers ---------------------------------------------------------------------------------------


def exact(c: Any, reading: Literal["decimal", "binary"] = "decimal") -> Expr:
    """A floating-point constant as an exact number: see `sympy` for the two readings."""
    if isinstance(c, (bool, np.bool_)):
        return sp.true if c else sp.false
    if isinstance(c, (int, np.integer)):
        return sp.Integer(int(c))
    x = float(c)
    if not math.isfinite(x):
        return sp.nan if math.isnan(x) else sp.oo if x > 0 else -sp.oo
    if reading == "binary":
        return sp.Rational(*x.as_integer_ratio())
    shortest = str(c) if isinstance(c, np.floating) else repr(x)  # float32 has shorter decimals than its double
    digits = re.sub(r"e.*|\D", "", shortest).strip("0")
    if len(digits) > 12 and not isinstance(c, np.float32):
        return _recognized(x) or sp.Rational(shortest)
    return sp.Rational(shortest)


def _recognized(x: float) -> Expr | None:
    """The rational, or rational multiple of e, pi, pi^2, 1/pi, or root of one, that a long decimal stands for.

    About 10^5 candidates lie between 0 and 10, each with a window of 4e-16: a double that is none of them
    is taken for one with a chance below 1e-10.
    """
    units = [(sp.Integer(1), 1.0), (sp.pi, math.pi), (sp.pi**2, math.pi**2), (1 / sp.pi, 1 / math.pi), (sp.E, math.e)]
    for unit, u in units:
        if (r := _ratio(x / u, 1000 if u == 1.0 else 360)) is not None:
            return r * unit
    for unit, u in units[:2] + units[3:4]:
        if (r := _ratio(x * x / u, 100)) is not None:
            return sp.sign(sp.Rational(x)) * sp.sqrt(r * unit)
    return None


def _ratio(x: float, largest: int) -> Expr | None:
    r = Fraction(x).limit_denominator(largest)
    near = r != 0 and abs(r.numerator) < 10_000 and math.isclose(float(r), x, rel_tol=4.5e-16)
    return sp.Rational(r.numerator, r.denominator) if near else None


def _logical(e: Expr) -> bool:
    # a Symbol is a Boolean too in SymPy; ours stand for numbers
    return isinstance(e, (sp.core.relational.Relational, sp.logic.boolalg.BooleanFunction, sp.logic.boolalg.BooleanAtom))


def number(e: Expr) -> Expr:
    """A truth value as 1 or 0."""
    return choose((sp.Integer(1), e), (sp.Integer(0), sp.true)) if _logical(e) else e


def truth(e: Expr) -> Expr:
    """A number as NumPy takes it for a truth value."""
    return e if _logical(e) else sp.Ne(e, 0)


def choose(*cases: tuple[Expr, Expr]) -> Expr:
    """(value, condition) pairs, the first true one counts. Nested choices are left as they stand: folding explodes."""
    live = [(value, condition) for value, condition in cases if condition != sp.false]
    if live[0][1] == sp.true:
        return live[0][0]
    return sp.Piecewise(*live, evaluate=not any(v.has(sp.Piecewise) or c.has(sp.Piecewise) for v, c in live))


# -- elementwise -------------------------------------------------------------------------------------


def each(f: Callable[..., Expr], take: Callable[[Expr], Expr] = number) -> Callable[..., Meaning]:
    """Apply f entry by entry, with NumPy's broadcasting."""

    def rule(*xs: Meaning, **params: Any) -> Meaning:
        return np.frompyfunc(lambda *es: f(*map(take, es), **params), len(xs), 1)(*xs)

    return rule


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
    return sp.Or(*es) if all(map(_logical, es)) else _extreme("Max", es)


def _smallest(*es: Expr) -> Expr:
    return sp.And(*es) if all(map(_logical, es)) else _extreme("Min", es)


def _as_is(e: Expr) -> Expr:
    return e


def _where(c: Expr, a: Expr, b: Expr) -> Expr:
    if _logical(a) and _logical(b):
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


def _real(e: Expr) -> bool:
    """Whether e is certainly a real number at every real input; raises where SymPy cannot tell."""
    if e.is_Number:
        return bool(e.is_finite)
    if e.is_real is None:
        raise Cannot("whether this is a number depends on the values of the inputs")
    return bool(e.is_real)


def _xlog(x: Expr, y: Expr) -> Expr:
    return choose((sp.Integer(0), sp.Eq(x, 0)), (x * sp.log(y), sp.true))


def _rel_entr(x: Expr, y: Expr, rest: Expr = 0) -> Expr:
    inside, edge = sp.And(x > 0, y > 0), sp.And(sp.Eq(x, 0), y >= 0)
    return choose((x * sp.log(x / y) + rest, inside), (rest, edge), (sp.oo, sp.true))


def _only_truths(f: Callable[..., Expr]) -> Callable[..., Expr]:
    def rule(*es: Expr) -> Expr:
        if not all(map(_logical, es)):
            raise Cannot("the bits of an integer have no formula", "use np.logical_and, np.logical_or, np.logical_not on truth values")
        return f(*es)

    return rule


def _phi(x: Expr) -> Expr:
    return (1 + sp.erf(x / sp.sqrt(2))) / 2


half = lambda: sp.Rational(1, 2)

ELEMENTWISE: dict[P.Primitive, Callable[..., Expr]] = {
    P.add: lambda a, b: a + b,
    P.subtract: lambda a, b: a - b,
    P.multiply: lambda a, b: a * b,
    P.divide: lambda a, b: a / b,
    P.power: lambda a, b: a**b,
    P.negative: lambda x: -x,
    P.positive: lambda x: x,
    P.reciprocal: lambda x: 1 / x,
    P.square: lambda x: x**2,
    P.sqrt: lambda x: sp.sqrt(x),
    P.cbrt: _cbrt,
    P.hypot: lambda a, b: sp.sqrt(a**2 + b**2),
    P.exp: lambda x: sp.exp(x),
    P.exp2: lambda x: 2**x,
    P.expm1: lambda x: sp.exp(x) - 1,
    P.log: lambda x: sp.log(x),
    P.log2: lambda x: sp.log(x) / sp.log(2),
    P.log10: lambda x: sp.log(x) / sp.log(10),
    P.log1p: lambda x: sp.log(1 + x),
    P.logaddexp: lambda a, b: sp.log(sp.exp(a) + sp.exp(b)),
    P.logaddexp2: lambda a, b: sp.log(2**a + 2**b) / sp.log(2),
    P.sin: lambda x: sp.sin(x),
    P.cos: lambda x: sp.cos(x),
    P.tan: lambda x: sp.tan(x),
    P.arcsin: lambda x: sp.asin(x),
    P.arccos: lambda x: sp.acos(x),
    P.arctan: lambda x: sp.atan(x),
    P.arctan2: lambda y, x: sp.atan2(y, x),
    P.sinh: lambda x: sp.sinh(x),
    P.cosh: lambda x: sp.cosh(x),
    P.tanh: lambda x: sp.tanh(x),
    P.arcsinh: lambda x: sp.asinh(x),
    P.arccosh: lambda x: sp.acosh(x),
    P.arctanh: lambda x: sp.atanh(x),
    P.deg2rad: lambda x: x * sp.pi / 180,
    P.rad2deg: lambda x: x * 180 / sp.pi,
    P.absolute: lambda x: sp.Abs(x),
    P.copysign: lambda a, b: choose((sp.Abs(a), b >= 0), (-sp.Abs(a), sp.true)),
    P.remainder: lambda a, b: a - b * sp.floor(a / b),
    P.fmod: lambda a, b: a - b * _truncated(a / b),
    P.sign: lambda x: sp.sign(x),
    P.heaviside: lambda x, h: choose((sp.Integer(0), x < 0), (h, sp.Eq(x, 0)), (sp.Integer(1), sp.true)),
    P.floor: lambda x: sp.floor(x),
    P.ceil: lambda x: sp.ceiling(x),
    P.trunc: _truncated,
    P.rint: _rint,
    P.around: lambda x, *, decimals: _rint(x * sp.Integer(10) ** decimals) / sp.Integer(10) ** decimals,
    P.floor_divide: lambda a, b: sp.floor(a / b),
    P.sinc: _sinc,
    P.equal: lambda a, b: sp.Eq(a, b),
    P.not_equal: lambda a, b: sp.Ne(a, b),
    P.less: lambda a, b: a < b,
    P.less_equal: lambda a, b: a <= b,
    P.greater: lambda a, b: a > b,
    P.greater_equal: lambda a, b: a >= b,
    P.isnan: lambda x: sp.true if x is sp.nan else sp.false if x.is_infinite or _real(x) else sp.true,
    P.isfinite: lambda x: sp.true if _real(x) else sp.false,
    P.isinf: lambda x: sp.true if x.is_infinite else sp.false if x is sp.nan or _real(x) else sp.false,
    P.signbit: lambda x: x < 0,
    P.left_shift: lambda a, b: a * 2**b,
    P.right_shift: lambda a, b: sp.floor(a / 2**b),
    P.expit: lambda x: 1 / (1 + sp.exp(-x)),
    P.logit: lambda x: sp.log(x / (1 - x)),
    P.log_expit: lambda x: -sp.log(1 + sp.exp(-x)),
    P.erf: lambda x: sp.erf(x),
    P.erfc: lambda x: sp.erfc(x),
    P.erfcx: lambda x: sp.exp(x**2) * sp.erfc(x),
    P.erfinv: lambda x: sp.erfinv(x),
    P.erfcinv: lambda x: sp.erfcinv(x),
    P.ndtr: _phi,
    P.log_ndtr: lambda x: sp.log(_phi(x)),
    P.ndtri: lambda x: sp.sqrt(2) * sp.erfinv(2 * x - 1),
    P.gamma: lambda x: sp.gamma(x),
    P.gammaln: lambda x: sp.log(sp.Abs(sp.gamma(x))),  # loggamma is complex left of 0
    P.digamma: lambda x: sp.digamma(x),
    P.polygamma: lambda x, *, order: sp.polygamma(order, x),
    P.beta: lambda a, b: sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b),
    P.betaln: lambda a, b: sp.log(sp.Abs(sp.gamma(a) * sp.gamma(b) / sp.gamma(a + b))),
    P.xlogy: _xlog,
    P.xlog1py: lambda x, y: _xlog(x, 1 + y),
    P.entr: lambda x: choose((-x * sp.log(x), x > 0), (sp.Integer(0), sp.Eq(x, 0)), (-sp.oo, sp.true)),
    P.rel_entr: _rel_entr,
    P.kl_div: lambda x, y: _rel_entr(x, y, y - x),
    P.i0: lambda x: sp.besseli(0, x),
    P.i1: lambda x: sp.besseli(1, x),
    P.i0e: lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(0, x),
    P.i1e: lambda x: sp.exp(-sp.Abs(x)) * sp.besseli(1, x),
    P.iv: lambda x, *, order: sp.besseli(order, x),
    P.numpy_i0: lambda x: sp.besseli(0, x),
}
symbolic.update({p: each(f) for p, f in ELEMENTWISE.items()})

LOGIC: dict[P.Primitive, Callable[..., Expr]] = {
    P.logical_and: lambda a, b: sp.And(a, b),
    P.logical_or: lambda a, b: sp.Or(a, b),
    P.logical_xor: lambda a, b: sp.Xor(a, b),
    P.logical_not: lambda a: sp.Not(a),
}
symbolic.update({p: each(f, truth) for p, f in LOGIC.items()})

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
        P.bitwise_and: each(_only_truths(lambda a, b: sp.And(a, b)), _as_is),
        P.bitwise_or: each(_only_truths(lambda a, b: sp.Or(a, b)), _as_is),
        P.bitwise_xor: each(_only_truths(lambda a, b: sp.Xor(a, b)), _as_is),
        P.invert: each(_only_truths(lambda a: sp.Not(a)), _as_is),
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


def _softmax(x: Meaning, *, axis: Any) -> Meaning:
    e = each(lambda v: sp.exp(v))(x)
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
        P.logsumexp: along(lambda es: sp.log(sp.Add(*(sp.exp(number(e)) for e in es)))),
        P.cumsum: lambda x, *, axis: np.cumsum(numbers(x), axis=axis),
        P.cumprod: lambda x, *, axis: np.cumprod(numbers(x), axis=axis),
        P.softmax: _softmax,
        P.log_softmax: lambda x, *, axis: numbers(x) - symbolic[P.logsumexp](x, axis=axis, keepdims=True),
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


def _scatter_add(v: Meaning, *arrays: Meaning, key: tuple[Any, ...], shape: tuple[int, ...]) -> Meaning:
    out = _zeros(shape)
    np.add.at(out, _key(key, arrays), numbers(v))
    return out[()]


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
    return each(lambda v: sp.sign(v))(d), each(lambda v: sp.log(sp.Abs(v)))(d)


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
symbolic.refuse((P.eigh, P.eigvalsh, P.svd, P.svdvals), "eigenvalues and singular values have no closed form beyond 4 x 4")
symbolic.refuse(P.qr, "the signs of the factors are chosen by the Householder steps, from the values")
symbolic.refuse((P.pinv, P.lstsq, P.lstsq_report), "the rank, and with it the formula, depends on the values")

# -- control -------------------------------------------------------------------------------------------

symbolic.update({P.identity: _as_is, P.stop_gradient: _as_is, P.item: lambda t, *, index: t[index]})
symbolic.refuse(P.custom, "the Python function inside runs on numbers, symbols cannot pass through it")

# -- the reading ---------------------------------------------------------------------------------------


@Graph.reading
def sympy(graph: Graph, symbols: Mapping[str, Any] | Sequence[Any] | None = None, *, exact: str = "decimal") -> Any:
    """The function as an exact SymPy expression over real symbols.

    A scalar input `x` is the symbol `x`; an array input (at most 64 entries) is an array of symbols `x_0`,
    `x_1`, ..., indices joined by `_`. `symbols` gives others, by position or by name: symbols, numbers, or
    object arrays of them in the shape of the input. Integer inputs are integer symbols.

    Returns an expression, an object array of expressions, or a tuple for several outputs.

    `exact="decimal"`: a float constant means what was written, not the double: 0.1 is 1/10; and a long one is
    the simple number it rounds, as 0.3333333333333333 is 1/3 and 6.283185307179586 is 2*pi. `exact="binary"`:
    it means its double, exactly.

    The expression equals the function over the real numbers where every Python decision (`if`, `while`) comes
    out as traced, `graph.guards`. It knows no rounding, no overflow and no -0.0; where the function is NaN it may be
    complex, and SymPy cancels as it builds: x/x is 1. `stop_gradient` is its value: differentiating
    the expression goes through it.

    Raises `Refused`, with the user's line, for what has no expression (decompositions, sorting, custom
    derivatives) or too long a one.

    >>> import numpy as np, cauchy
    >>> cauchy.trace(lambda x: 0.1 * np.exp(-x / 2), 1.0).sympy()
    exp(-x/2)/10
    >>> cauchy.trace(lambda x: x @ x, np.ones(2)).sympy()
    x_0**2 + x_1**2
    """
    if exact not in ("decimal", "binary"):
        raise CauchyError(f"exact={exact!r}", fix='wanted exact="decimal" or exact="binary"')
    asked = Graph(graph.inputs, graph.outputs, names=graph.names)  # what only guards depend on is not asked for
    env: dict[Node, Meaning] = dict(zip(asked.inputs, _inputs(asked, symbols), strict=True))
    measure = _Measure()
    work = 0
    for n in asked.nodes:
        work += _entries(n)
        _check_room(n, work)
        if n in env:
            continue
        if n.prim is CONST:
            env[n] = _constants(n.value if n.origin is None else n.origin, functools.partial(_exact, reading=exact))
            continue
        try:
            env[n] = symbolic.rule(n)(*(env[a] for a in n.args), **n.params)
            measure(env[n])
        except Cannot as e:
            raise Refused(symbolic.verb, n.prim, e.why, where=n.site, fix=e.fix) from None
        except (TypeError, ValueError) as e:  # SymPy's answer to comparing what has no order: complex numbers, nan
            raise Refused(symbolic.verb, n.prim, f"SymPy says: {e}", where=n.site) from e
    out = tuple(env[n] for n in asked.outputs)
    return out[0] if len(out) == 1 else out


_exact = exact


def _constants(c: Any, f: Callable[[Any], Expr]) -> Meaning:
    # entry by entry as NumPy scalars, which know their precision; NumPy's own loop would make them doubles
    out = np.empty(np.shape(c), object)
    for i in np.ndindex(out.shape):
        out[i] = f(c[i] if isinstance(c, np.ndarray) else c)
    return out[()]


def _entries(n: Node) -> int:
    return sum(map(math.prod, n.shape)) if n.prim.outputs > 1 else math.prod(n.shape)


def _check_room(n: Node, work: int) -> None:
    if _entries(n) > ENTRIES:
        why = f"the array has shape {n.shape}, and more than {ENTRIES} entries make no readable formula"
    elif work > WORK:
        why = f"the graph has more than {WORK:,} entries in all"
    else:
        return
    raise Refused(symbolic.verb, n.prim, why, where=n.site, fix="trace the function at a smaller input; graph.latex() keeps arrays whole")


def _inputs(graph: Graph, symbols: Mapping[str, Any] | Sequence[Any] | None) -> list[Meaning]:
    names = graph.names or tuple(f"x{i}" for i in range(len(graph.inputs)))
    if symbols is None or isinstance(symbols, Mapping):
        given: Sequence[Any] = [None if symbols is None else symbols.get(name) for name in names]
        unknown = [] if symbols is None else [s for s in symbols if s not in names]
        if unknown:
            raise ShapeError(f"symbols for {unknown}; the inputs are {list(names)}")
    elif len(symbols) != len(names):
        raise ShapeError(f"{len(symbols)} symbols for {len(names)} inputs: {list(names)}")
    else:
        given = symbols
    used: set[str] = set()
    return [_given(n, name, s) if s is not None else _fresh(n, name, used) for n, name, s in zip(graph.inputs, names, given, strict=True)]


def _given(n: Node, name: str, s: Any) -> Meaning:
    a = np.asarray(s, object)
    if a.shape != n.shape:
        raise ShapeError(f"symbols for `{name}`: wanted shape {n.shape}, got {a.shape}")
    return np.frompyfunc(lambda v: sp.sympify(v, strict=True), 1, 1)(a)[()]


def _fresh(n: Node, name: str, used: set[str]) -> Meaning:
    """Symbols named after the input, `p['w'][0]` as `p_w_0`, no two alike."""
    _check_room(n, 0)
    base = "_".join(re.findall(r"\w+", name))
    labels = ["_".join([base, *map(str, i)]) for i in np.ndindex(n.shape)]
    while used & set(labels):
        labels = [label + "_" for label in labels]
    used.update(labels)
    out = np.empty(n.shape, object)
    for i, label in zip(np.ndindex(n.shape), labels, strict=True):
        s = sp.Symbol(label, integer=True) if n.dtype.kind in "iub" else sp.Symbol(label, real=True)
        out[i] = sp.Ne(s, 0) if n.dtype.kind == "b" else s
    return out[()]


class _Measure:
    """Refuses expressions that would explode; what was measured once is remembered."""

    def __init__(self) -> None:
        self.known: dict[Expr, tuple[int, int]] = {}

    def __call__(self, meaning: Meaning) -> None:
        if isinstance(meaning, tuple):
            for part in meaning:
                self(part)
            return
        for e in np.asarray(meaning, object).flat:
            size, depth = self.of(e)
            if size > SIZE or depth > DEPTH:
                what = f"more than {SIZE:,} terms" if size > SIZE else f"more than {DEPTH} nested operations"
                raise Cannot(f"the expression has {what}", "graph.latex() names shared parts; print(graph) lists the operations")

    def of(self, e: Expr) -> tuple[int, int]:
        if e not in self.known:
            parts = [self.of(a) for a in e.args]
            self.known[e] = 1 + sum(s for s, _ in parts), 1 + max((d for _, d in parts), default=0)
        return self.known[e]
