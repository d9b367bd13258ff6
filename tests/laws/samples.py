"""Where the laws try each primitive, and what is true there.

`TRUTH`: elementwise primitives as functions of mpmath, written from their definitions. `PARAMS`: static
parameters to try. `EDGES`: arguments at which something happens. `STRUCTURAL`: arguments of the others.
`REFERENCE`: the NumPy or SciPy call, where it is not simply the function of the same name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np
import scipy.linalg
from scipy import special

import cauchy
from cauchy import ops as P
from cauchy.graph import Primitive

ARRAY = P.ARRAY


def _sinc(x: Any, order: int) -> Any:
    return mp.diff(mp.sincpi, x, order) if order else mp.sincpi(x)


def _xlogy(a: Any, b: Any) -> Any:
    return mp.mpf(0) if a == 0 else a * mp.log(b)


def _rel_entr(a: Any, b: Any) -> Any:
    return a * mp.log(a / b) if a else mp.mpf(0) if b >= 0 else mp.inf


def _inverse(f: Any, slope: Any, guess: Any, x: Any) -> Any:
    """Newton's iteration from the double: it doubles the digits each time (mpmath's own erfinv loses them near 1)."""
    y = mp.mpf(float(guess(float(x))))
    for _ in range(math.ceil(math.log2(mp.mp.dps / 10))):
        y -= (f(y) - x) / slope(y)
    return y


def _log_gamma(x: Any) -> Any:
    return mp.re(mp.loggamma(x))


TRUTH: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "power": lambda a, b: mp.mpf(1) if b == 0 else mp.power(a, b),
    "negative": lambda x: -x,
    "positive": lambda x: +x,
    "reciprocal": lambda x: 1 / x,
    "square": lambda x: x * x,
    "sqrt": mp.sqrt,
    "cbrt": lambda x: mp.sign(x) * mp.cbrt(abs(x)),
    "hypot": mp.hypot,
    "exp": mp.exp,
    "exp2": lambda x: mp.power(2, x),
    "expm1": mp.expm1,
    "log": mp.log,
    "log2": lambda x: mp.log(x, 2),
    "log10": mp.log10,
    "log1p": mp.log1p,
    "logaddexp": lambda a, b: mp.log(mp.exp(a) + mp.exp(b)),
    "logaddexp2": lambda a, b: mp.log(mp.power(2, a) + mp.power(2, b), 2),
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "deg2rad": mp.radians,
    "rad2deg": mp.degrees,
    "absolute": abs,
    "copysign": lambda a, b: abs(a) if b >= 0 else -abs(a),
    "maximum": max,
    "minimum": min,
    "fmax": max,
    "fmin": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "where": lambda c, a, b: a if c else b,
    "remainder": lambda a, b: a - b * mp.floor(a / b),
    "fmod": lambda a, b: mp.sign(a) * (abs(a) - abs(b) * mp.floor(abs(a / b))),
    "sign": mp.sign,
    "heaviside": lambda a, b: b if a == 0 else mp.mpf(a > 0),
    "floor": mp.floor,
    "ceil": mp.ceil,
    "trunc": lambda x: mp.sign(x) * mp.floor(abs(x)),
    "rint": mp.nint,
    "around": lambda x, decimals: mp.nint(x * 10**decimals) / 10**decimals,
    "floor_divide": lambda a, b: mp.floor(a / b),
    "sinc": _sinc,
    "astype": lambda x, dtype: x,
    "expit": lambda x: 1 / (1 + mp.exp(-x)),
    "logit": lambda x: mp.log(x / (1 - x)),
    "log_expit": lambda x: -mp.log1p(mp.exp(-x)),
    "erf": mp.erf,
    "erfc": mp.erfc,
    "erfcx": lambda x: mp.exp(x * x) * mp.erfc(x),
    "erfinv": lambda x: _inverse(mp.erf, lambda y: 2 * mp.npdf(y, 0, mp.sqrt(0.5)), special.erfinv, x),
    "erfcinv": lambda x: _inverse(mp.erfc, lambda y: -2 * mp.npdf(y, 0, mp.sqrt(0.5)), special.erfcinv, x),
    "ndtr": mp.ncdf,
    "log_ndtr": lambda x: mp.log(mp.erfc(-x / mp.sqrt(2)) / 2),
    "ndtri": lambda x: _inverse(mp.ncdf, mp.npdf, special.ndtri, x),
    "gamma": mp.gamma,
    "gammaln": _log_gamma,
    "digamma": mp.digamma,
    "polygamma": lambda x, order: mp.psi(order, x),
    "beta": mp.beta,
    "betaln": lambda a, b: _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b),
    "xlogy": _xlogy,
    "xlog1py": lambda a, b: _xlogy(a, 1 + b),
    "entr": lambda x: -_xlogy(x, x),
    "rel_entr": _rel_entr,
    "kl_div": lambda a, b: _rel_entr(a, b) - a + b,
    "i0": lambda x: mp.besseli(0, x),
    "i1": lambda x: mp.besseli(1, x),
    "i0e": lambda x: mp.besseli(0, x) * mp.exp(-abs(x)),
    "i1e": lambda x: mp.besseli(1, x) * mp.exp(-abs(x)),
    "iv": lambda x, order: mp.besseli(order, x),
    "numpy_i0": lambda x: mp.besseli(0, x),
}

PARAMS: dict[str, list[dict[str, Any]]] = {
    "sinc": [{"order": 0}, {"order": 1}, {"order": 4}],
    "around": [{"decimals": 0}, {"decimals": 1}],
    "astype": [{"dtype": np.dtype(t)} for t in ("f8", "f4")],
    "polygamma": [{"order": 0}, {"order": 1}, {"order": 3}],
    "iv": [{"order": 0}, {"order": 1}, {"order": 3}],
}

# beyond the edge points of unary primitives, which stand with them in ops/
EDGES: dict[str, list[tuple[float, ...]]] = {
    "divide": [(1.0, 0.0), (0.0, 0.0)],
    "power": [(0.0, 2.0), (0.0, 1.0), (0.0, 3.0), (0.0, 0.5), (0.0, 0.0), (0.0, -1.0), (-2.0, 3.0), (2.0, 0.0)],
    "hypot": [(0.0, 0.0), (0.0, 2.0)],
    "arctan2": [(0.0, 0.0), (0.0, 1.0)],
    "copysign": [(0.0, 1.0), (0.0, -1.0)],
    "maximum": [(1.0, 1.0), (0.0, 0.0)],
    "minimum": [(1.0, 1.0)],
    "fmax": [(1.0, 1.0)],
    "fmin": [(1.0, 1.0)],
    "clip": [(-1.0, -1.0, 1.0), (1.0, -1.0, 1.0), (1.0, 1.0, 1.0), (0.5, 1.0, 1.0)],
    "remainder": [(0.0, 2.0), (4.0, 2.0), (-1.0, 2.0), (1.0, -2.0)],
    "fmod": [(0.0, 2.0), (-1.0, 2.0), (-5.0, 2.0), (5.0, -2.0)],
    "heaviside": [(0.0, 0.5)],
    "floor_divide": [(0.0, 2.0), (4.0, 2.0)],
    "logaddexp": [(0.0, 0.0), (800.0, -800.0)],
    "xlogy": [(0.0, 0.0), (0.0, 2.0), (2.0, 0.0)],
    "xlog1py": [(0.0, -1.0), (0.0, 2.0), (2.0, -1.0)],
    "rel_entr": [(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (1.0, 1.0)],
    "kl_div": [(0.0, 0.0), (0.0, 2.0), (2.0, 0.0), (1.0, 1.0)],
    "beta": [(0.0, 1.0), (1.0, 0.0)],
}

# where a textbook formula cancels, overflows or underflows, a rule takes a branch, or a slope is 1
HARD: dict[str, list[tuple[float, ...]]] = {
    "multiply": [(-1.0, 1.0), (1.0, -1.0)],
    "divide": [(1.0, 1.0), (3.0, -1.0)],
    "square": [(0.5,), (-0.5,), (0.0,)],
    "power": [(3.0, 2.0), (3.0, 1.0), (3.0, 0.0), (3.0, -1.0), (1.0, 3.0)],
    "xlogy": [(0.0, 2.0)],
    "xlog1py": [(0.0, 2.0), (0.5, -1 + 2.0**-53)],
    "expit": [(-700.0,), (-40.0,), (0.0,), (40.0,), (700.0,)],
    "log_expit": [(-700.0,), (40.0,), (700.0,)],
    "logit": [(1e-300,), (1 - 2.0**-53,)],
    "tanh": [(-300.0,), (0.0,), (20.0,)],
    "logaddexp": [(0.0, 0.0), (300.0, -300.0), (1e5, 1e5 + 1)],
    "erfcx": [(-20.0,), (-0.5,), (7.0,), (10.0,), (10.01,), (30.0,), (1e4,)],
    "erfinv": [(1 - 2.0**-53,), (-0.9999,), (1e-9,)],
    "erfcinv": [(1e-200,), (1e-9,), (1.9999,)],
    "ndtri": [(1e-200,), (1e-9,), (0.9999,)],
    "log_ndtr": [(-1e8,), (-300.0,), (-30.0,), (-9.0,), (-1e-3,), (0.0,), (9.0,), (12.0,)],
    "gamma": [(1e-8,), (-1.5,), (100.0,)],
    "gammaln": [(1e-8,), (-1.5,), (1e8,)],
    "digamma": [(1e-8,), (-1.5,), (1e8,)],
    "beta": [(0.05, 0.2), (300.0, 1e-3), (20.0, 30.0)],
    "betaln": [(1e10, 1.0), (1.0, 1e10), (1e6, 1e-6), (1e-8, 1e-8), (0.3, 1e-12), (-1.5, 4.2)],
    "rel_entr": [(1.0, 1 + 1e-9), (1e-100, 1e100), (1e100, 1e-100)],
    "kl_div": [(1.0, 1 + 1e-9), (0.5, 1.0), (1e-20, 1e20)],
    "i0e": [(30.0,), (30.1,), (700.0,), (-1e3,), (1e10,)],
    "i1e": [(1e-9,), (30.0,), (30.1,), (700.0,), (-1e3,), (1e10,)],
    "i1": [(0.0,), (1e-9,), (600.0,)],
    "arcsin": [(1 - 2.0**-40,), (-1 + 2.0**-40,)],
    "arccosh": [(1 + 2.0**-40,), (1e200,)],
    "arctanh": [(1 - 2.0**-53,)],
    "arctan2": [(0.0, 1.0), (1e-100, 3e-100), (3e90, 1e90)],
    "hypot": [(0.0, 2.0), (1e-200, 1e-200), (1e200, 1e200)],
    "sinc": [(0.0,), (1e-9,), (1e3 + 0.3,)],
    "log1p": [(-1 + 2.0**-53,), (1e-30,)],
    "expm1": [(1e-30,), (-40.0,)],
}


@dataclass(frozen=True)
class Sample:
    """Arguments of a structural primitive; `wrt` are those that may vary (those of float dtype by default)."""

    args: tuple[Any, ...]
    params: dict[str, Any] = field(default_factory=dict)

    @property
    def wrt(self) -> tuple[int, ...]:
        return tuple(i for i, a in enumerate(self.args) if np.asarray(a).dtype.kind == "f")


_rng = np.random.default_rng(20240229)


def _r(*shape: int) -> Any:
    return _rng.normal(size=shape)


def _regular(*shape: int) -> Any:
    """Well-conditioned square matrices."""
    return _r(*shape) + 4.0 * np.eye(shape[-1])


def _definite(*shape: int) -> Any:
    a = _r(*shape)
    return a @ np.swapaxes(a, -1, -2) + shape[-1] * np.eye(shape[-1])


def _spread(*shape: int) -> Any:
    """Matrices with singular values well apart, from 1 to 3."""
    u, s, vh = np.linalg.svd(_r(*shape), full_matrices=False)
    return u * np.linspace(3.0, 1.0, s.shape[-1]) @ vh


def _singular(n: int, rank: int) -> Any:
    a = _rng.integers(-3, 4, size=(n, rank)) @ _rng.integers(-3, 4, size=(rank, n))
    a[:, -1] = 0  # numpy finds det exactly 0
    return a.astype(float)


def _all(shapes: list[tuple[tuple[int, ...], ...]], **params: Any) -> list[Sample]:
    return [Sample(tuple(_r(*s) for s in shape), params) for shape in shapes]


def _reduced(*, keepdims: bool = True) -> list[Sample]:
    cases: list[tuple[tuple[int, ...], Any]] = [
        ((), None),
        ((4,), None),
        ((3, 2), 0),
        ((2, 3, 2), (0, -1)),
        ((2, 3), (0, 1)),
    ]
    return [
        Sample((_r(*s),), {"axis": a, "keepdims": k})
        for s, a in cases
        for k in ((False, True) if keepdims else (False,))
    ]


def _scanned(**params: Any) -> list[Sample]:
    return [Sample((_r(*s),), {"axis": a} | params) for s, a in (((4,), 0), ((3, 2), 0), ((2, 3), -1), ((2, 3, 2), 1))]


def _counted(name: str) -> list[Sample]:
    extra = [Sample((_r(2, 3),), {"axis": -1, "keepdims": True})]
    if name in ("argmax", "argmin"):
        return [*extra, Sample((_r(4),), {"axis": None, "keepdims": False})]
    return [*extra, Sample((_r(2, 3) > 0,), {"axis": None, "keepdims": False})]


_zeros = np.array([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]])  # one zero leaves one derivative, two leave none
_index = np.array([[2, 0], [1, 2]])
_ROWS, _HOLES = slice(1, None), slice(None, None, -2)
_EINSUM = [
    ("ij,jk->ik", (2, 3), (3, 4)),
    ("ij,jk", (2, 3), (3, 2)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij,jkk->ik", (2, 2, 3), (3, 2, 2)),
    ("iji,j->i", (3, 2, 3), (2,)),
    ("iii->i", (2, 2, 2)),
    ("ij->j", (2, 3)),
    ("ij->", (2, 3)),
    ("ba", (2, 3)),
    ("ij,kl->il", (2, 3), (2, 2)),
    ("...ij,...jk->...ik", (2, 2, 3), (3, 2)),
    ("...ij,...jk", (2, 1, 2), (1, 2, 3)),
    ("i...,i...", (3, 2), (3, 1)),
    ("...i->...", (2, 3)),
    ("i,i,i->i", (3,), (3,), (3,)),
    ("i,i", (1,), (3,)),
    ("ij,ij->j", (2, 1), (2, 3)),
    ("Ba, a c -> c B", (2, 3), (3, 2)),
    (",ij->ij", (), (2, 3)),
]
_LENGTHS = [((5,), (3,)), ((4,), (4,)), ((2,), (4,)), ((3,), (5,))]  # both parities, both orders
_SYSTEMS = [
    ((3, 3), (3,)),
    ((3, 3), (3, 2)),
    ((2, 2, 2), (2,)),
    ((2, 2, 2), (2, 2, 1)),
    ((2, 3, 3), (3, 2)),
    ((3, 3), (2, 3, 1)),
]
_SQUARES = [(1, 1), (3, 3), (2, 3, 3)]
_TALL = [(3, 3), (3, 2), (3, 1), (2, 3, 2)]
_WIDE = [(2, 3), (1, 3), (2, 2, 3)]


def _round(w: Any, s: Any, x: Any) -> tuple[Any, Any]:
    """One round of a loop: the new carry, and an output."""
    return np.tanh(w @ s) + x, s[0] * x


def _turned(x: Any, k: Any) -> tuple[Any, Any]:
    return x * k, np.sin(x)


def _grown(x: Any, k: Any) -> tuple[Any, Any]:
    return x + k, np.exp(x) * k


_ROUND = cauchy.trace(_round, np.ones((2, 2)), np.ones(2), np.ones(2))
_SIDES = {"on_true": cauchy.trace(_turned, np.ones(3), 1.0), "on_false": cauchy.trace(_grown, np.ones(3), 1.0)}
_own = np.random.default_rng(3)

STRUCTURAL: dict[str, list[Sample]] = {
    "identity": _all([((2, 3),), ((),)]),
    **{
        name: [Sample((np.array([5, 12, -7]), np.array([3, 2, 1])))]
        for name in ("bitwise_and", "bitwise_or", "bitwise_xor", "left_shift", "right_shift", "gcd", "lcm")
    },
    "invert": [Sample((np.array([5, 12, -7]),))],
    # index
    "getitem": [
        Sample((_r(4, 3),), {"key": (_ROWS, 1)}),
        Sample((_r(4, 3),), {"key": (Ellipsis, None, _HOLES)}),
        Sample((_r(4, 3), _index), {"key": (ARRAY,)}),
        Sample((_r(4, 3), _index, np.array([0, 2])), {"key": (ARRAY, ARRAY)}),
        Sample((_r(3, 2, 4), np.array([-1, 1])), {"key": (slice(None), 0, ARRAY)}),
    ],
    "setitem": [
        Sample((_r(4, 3), _r(3)), {"key": (_ROWS, 1)}),
        Sample((_r(4, 3), _r()), {"key": (_ROWS,)}),
        Sample((_r(4, 3), _r(2, 2, 3), _index), {"key": (ARRAY,)}),
        Sample((_r(4, 3), _r(2), _index, np.array([0, 2])), {"key": (ARRAY, ARRAY)}),
        Sample((_r(3), _r(4), np.array([1, 1, 0, 1])), {"key": (ARRAY,)}),
    ],
    "scatter_add": [
        Sample((_r(3),), {"key": (_ROWS, 1), "shape": (4, 3)}),
        Sample((_r(2, 2, 3), _index), {"key": (ARRAY,), "shape": (4, 3)}),
        Sample((_r(4), np.array([1, 1, 0, 1])), {"key": (ARRAY,), "shape": (3,)}),
    ],
    "add_at": [
        Sample((_r(4, 3), _r(3)), {"key": (_ROWS, 1)}),
        Sample((_r(3), _r(4), np.array([1, 1, 0, 1])), {"key": (ARRAY,)}),
        Sample((_r(4, 3), _r(3), _index), {"key": (ARRAY,)}),
    ],
    "take_along_axis": [Sample((_r(3, 2), _index), {"axis": 0}), Sample((_r(2, 3), _index), {"axis": -1})],
    "scatter_along_axis": [Sample((_r(2, 2), _index), {"axis": 0, "shape": (3, 2)})],
    # control
    "scan": [
        Sample(
            (_own.normal(size=(2, 2)), _own.normal(size=2), _own.normal(size=(n, 2))),
            {"body": _ROUND, "consts": 1, "carry": 1, "length": n, "reverse": reverse},
        )
        for n, reverse in ((1, False), (4, True), (10, False))
    ],
    "cond": [Sample((np.bool_(yes), _own.normal(size=3), 1.5), _SIDES) for yes in (True, False)],
    # shape
    "reshape": [Sample((_r(2, 3),), {"shape": s}) for s in ((6,), (3, -1), (1, 2, 3))]
    + [Sample((_r(1, 1),), {"shape": ()})],
    "transpose": [Sample((_r(2, 3, 4),), {"axes": a}) for a in (None, (1, 2, 0), (-1, 0, 1))]
    + [Sample((_r(3),), {"axes": None})],
    "broadcast_to": [
        Sample((_r(*s),), {"shape": t})
        for s, t in (((), (2, 3)), ((3, 1), (2, 3, 4)), ((1,), (1, 1)), ((2, 3), (2, 3)))
    ],
    "concatenate": [
        Sample((_r(2, 3), _r(1, 3), _r(2, 3)), {"axis": 0}),
        Sample((_r(2, 1), _r(2, 3)), {"axis": -1}),
        Sample((_r(0), _r(3)), {"axis": 0}),
    ],
    # reduce
    **{name: _reduced() for name in ("sum", "max", "min", "logsumexp")},
    "prod": [*_reduced(), *(Sample((_zeros,), {"axis": a, "keepdims": False}) for a in (0, 1, None))],
    "cumsum": _scanned(),
    "cumprod": [*_scanned(), Sample((_zeros,), {"axis": 1})],
    "softmax": [*_scanned(), Sample((_r(2, 3),), {"axis": None})],
    "log_softmax": [*_scanned(), Sample((_r(2, 3),), {"axis": None})],
    "argsort": _scanned(kind="stable"),
    "searchsorted": [Sample((np.sort(_r(5)), _r(3)), {"side": s}) for s in ("left", "right")],
    **{name: _counted(name) for name in ("argmax", "argmin", "any", "all", "count_nonzero")},
    # linalg
    "matmul": _all(
        [
            ((3,), (3,)),
            ((3,), (3, 2)),
            ((3,), (2, 3, 2)),
            ((2, 3), (3,)),
            ((2, 2, 3), (3,)),
            ((2, 3), (3, 2)),
            ((2, 2, 3), (3, 2)),
            ((2, 3), (2, 3, 2)),
            ((2, 1, 2, 3), (2, 3, 1)),
        ]
    ),
    "dot": _all(
        [
            ((), ()),
            ((), (3,)),
            ((2, 3), ()),
            ((3,), (3,)),
            ((2, 3), (3,)),
            ((3,), (3, 2)),
            ((2, 2, 3), (3, 2)),
            ((2, 3), (2, 3, 2)),
            ((3,), (2, 3, 2)),
        ]
    ),
    "inner": _all(
        [((), ()), ((), (3,)), ((2, 3), ()), ((3,), (3,)), ((2, 3), (3,)), ((3,), (2, 3)), ((2, 2, 3), (2, 3))]
    ),
    "vdot": _all([((), ()), ((3,), (3,)), ((2, 3), (2, 3)), ((2, 3), (6,))]),
    "einsum": [Sample(tuple(_r(*s) for s in shapes), {"subscripts": sub}) for sub, *shapes in _EINSUM],
    "convolve": [s for m in ("full", "same", "valid") for s in _all([*_LENGTHS, ((), (3,)), ((2,), ())], mode=m)],
    "correlate": [s for m in ("full", "same", "valid") for s in _all(_LENGTHS, mode=m)],
    "solve": [Sample((_regular(*a), _r(*b))) for a, b in _SYSTEMS],
    "solve_triangular": [
        Sample((_regular(*a), _r(*b)), {"lower": low, "trans": trans, "unit_diagonal": unit})
        for low, trans, unit in ((True, False, False), (False, True, False), (True, True, True), (False, False, True))
        for a, b in (_SYSTEMS[2:4] if trans and unit else _SYSTEMS[:2])  # SciPy is slow on stacks
    ],
    "inv": [Sample((_regular(*s),)) for s in _SQUARES],
    "det": [
        *(Sample((_r(*s),)) for s in [*_SQUARES, (4, 4)]),
        *(Sample((_singular(n, r),)) for n, r in ((4, 3), (4, 2), (5, 2))),
        Sample((np.zeros((1, 1)),)),
        Sample((np.zeros((2, 2)),)),
        Sample((np.ones((3, 3)),)),
        Sample((np.stack([np.eye(3), _singular(3, 2), _r(3, 3)]),)),
    ],
    "slogdet": [Sample((_regular(*s),)) for s in _SQUARES],
    "cholesky": [Sample((_definite(*s),), {"upper": u}) for s in _SQUARES for u in (False, True)],
    "eigh": [Sample((_r(*s),), {"uplo": u}) for s in _SQUARES for u in "LU"],
    "eigvalsh": [Sample((_r(*s),), {"uplo": u}) for s in _SQUARES for u in "LU"],
    "svd": [
        *(Sample((_spread(*s),), {"full_matrices": False}) for s in _TALL + _WIDE),
        Sample((_spread(3, 3),), {"full_matrices": True}),
    ],
    "svdvals": [Sample((_spread(*s),)) for s in _TALL + _WIDE],
    "qr": [Sample((_spread(*s),), {"mode": "reduced"}) for s in _TALL + _WIDE],
    "pinv": [Sample((_spread(*s),), {"rcond": 1e-12}) for s in _TALL + _WIDE],
    "lstsq": [
        Sample((_spread(*a), _r(*b)), {"rcond": None})
        for a, b in (((4, 3), (4,)), ((4, 2), (4, 2)), ((2, 4), (2,)), ((3, 3), (3, 1)))
    ],
    "lstsq_report": [
        Sample((_spread(*a), _r(*b)), {"rcond": None}) for a, b in (((4, 3), (4,)), ((4, 2), (4, 2)), ((2, 4), (2,)))
    ],
    "cholesky_or_nan": [Sample((_definite(*s),)) for s in _SQUARES],
}

# what has no slope of its own to compare with
WAIVED = {
    "stop_gradient": "its derivative is 0 by definition",
    "item": "it picks from a tuple; every primitive with several outputs passes through it",
    "custom": "its value and its derivative are the user's",
    "while_loop": "it goes forward only; tests/test_control.py tries it",
}


def _written(x: Any, v: Any, *arrays: Any, key: Any, add: bool) -> Any:
    out = np.array(x)
    rest = iter(arrays)
    key = tuple(next(rest) if isinstance(k, str) else k for k in key)
    if add:
        np.add.at(out, key, v)
    else:
        out[key] = v
    return out


def _scattered(v: Any, indices: Any, *, axis: int, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape)
    for at in np.ndindex(indices.shape):
        where = list(at)
        where[axis] = indices[at]
        out[tuple(where)] += v[at]
    return out


def _looped(w: Any, s: Any, xs: Any, *, length: int, reverse: bool, **how: Any) -> tuple[Any, Any]:
    ys = np.zeros_like(xs)
    for i in reversed(range(length)) if reverse else range(length):
        s, ys[i] = _round(w, s, xs[i])
    return s, ys


REFERENCE: dict[str, Callable[..., Any]] = {
    "scan": _looped,
    "cond": lambda pred, *xs, **sides: (_turned if pred else _grown)(*xs),
    "identity": lambda x: x,
    "clip": np.clip,
    "where": np.where,
    "sinc": lambda x, order: np.sinc(x),
    "astype": lambda x, dtype: np.asarray(x).astype(dtype)[()],
    "digamma": special.psi,
    "polygamma": lambda x, order: special.polygamma(order, x),
    "iv": lambda x, order: special.iv(order, x),
    "numpy_i0": np.i0,
    "getitem": lambda x, *arrays, key: x[
        tuple(next(it) if isinstance(k, str) else k for it in [iter(arrays)] for k in key)
    ],
    "setitem": lambda x, v, *arrays, key: _written(x, v, *arrays, key=key, add=False),
    "add_at": lambda x, v, *arrays, key: _written(x, v, *arrays, key=key, add=True),
    "scatter_add": lambda v, *arrays, key, shape: _written(np.zeros(shape), v, *arrays, key=key, add=True),
    "scatter_along_axis": _scattered,
    "concatenate": lambda *xs, axis: np.concatenate(xs, axis),
    "einsum": lambda *xs, subscripts: np.einsum(subscripts, *xs),
    "solve_triangular": lambda a, b, lower, trans, unit_diagonal: scipy.linalg.solve_triangular(
        a, b, lower=lower, trans="T" if trans else "N", unit_diagonal=unit_diagonal
    ),
    "cholesky_or_nan": np.linalg.cholesky,
    "eigh": lambda a, uplo: np.linalg.eigh(a, UPLO=uplo),
    "eigvalsh": lambda a, uplo: np.linalg.eigvalsh(a, UPLO=uplo),
    "lstsq": lambda a, b, rcond: np.linalg.lstsq(a, b, rcond)[0],
    "lstsq_report": lambda a, b, rcond: np.linalg.lstsq(a, b, rcond)[1:],
}


def reference(p: Primitive) -> Callable[..., Any]:
    """The NumPy or SciPy function that the primitive is named after."""
    if p.name in REFERENCE:
        return REFERENCE[p.name]
    homes = (special,) if p.family == "special" else (np, np.linalg, special, scipy.linalg)
    return next(getattr(h, p.name) for h in homes if hasattr(h, p.name))


def points(p: Primitive, count: int, seed: int = 1) -> list[np.ndarray]:
    """`count` random entries for each argument of an elementwise primitive."""
    rng = np.random.default_rng(seed)
    xs = [rng.uniform(low, high, count) for low, high in p.domain]
    return [xs[0] > 0, *xs[1:]] if p is P.where else xs


def edges(p: Primitive) -> list[tuple[float, ...]]:
    """The arguments at which something happens."""
    if p.name in EDGES:
        return EDGES[p.name]
    return [(e,) for e in p.edges if np.isfinite(e)] if len(p.domain) == 1 else []
