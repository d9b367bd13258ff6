"""`minimize` and `maximize`: from the question to a method, its loop, and the result."""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..errors import CauchyError
from .methods import descent, linesearch, newton, quasi_newton
from .methods.batches import Epochs
from .methods.drive import Loop, Watcher, drive
from .methods.finish import finished
from .options import chosen_settings, heard, unfit, whole
from .problem import Problem, problem
from .result import Optimum, Path, Run
from .status import Status

Function = Callable[..., Any]
REMEMBERED = 64  # problems whose compiled loops are kept
TIGHT = 1e-11  # tolerance of the default method; where rounding forbids it, Newton's method finishes
NEAR = 1e-10  # of max(|x|, 1): the quasi-Newton step that may be left by default
LARGE = 300  # variables beyond which a full matrix is too dear: L-BFGS


class Method(NamedTuple):
    """How a method is made from a problem and a rule of line search; its settings; the line searches it can take."""

    make: Callable[[Problem, linesearch.Rule], tuple[Function, Function]]
    settings: Any
    searches: tuple[str, ...] = ()  # the first is the default
    limit: int = 15_000


SEARCHES = {
    "wolfe": linesearch.WOLFE,
    "strong-wolfe": linesearch.STRONG,
    "armijo": linesearch.ARMIJO,
    "exact": linesearch.EXACT,
}


def _searching(name: str) -> Callable[[Problem, linesearch.Rule], tuple[Function, Function]]:
    return lambda p, rule: quasi_newton.searching(p.plain_value_and_gradient, quasi_newton.DIRECTIONS[name], rule)


def _fixed(name: str) -> Method:
    make = lambda p, _: descent.fixed_rate(p.plain_value_and_gradient, descent.RULES[name])
    return Method(make, descent.DEFAULTS[name])


METHODS: dict[str, Method] = {
    **{name: _fixed(name) for name in descent.RULES},
    "steepest-descent": Method(
        _searching("steepest-descent"), quasi_newton.Settings(), ("armijo", "wolfe", "strong-wolfe", "exact")
    ),
    "bfgs": Method(_searching("bfgs"), quasi_newton.Settings(), ("wolfe", "strong-wolfe")),
    "l-bfgs": Method(_searching("l-bfgs"), quasi_newton.Settings(), ("wolfe", "strong-wolfe")),
    "newton": Method(
        lambda p, rule: quasi_newton.searching(
            p.plain_value_and_gradient, newton.newton_direction(p.plain_hessian), rule
        ),
        quasi_newton.Settings(),
        ("armijo", "wolfe", "strong-wolfe"),
    ),
    "newton-step": Method(lambda p, _: newton.bare(p.plain_value_and_gradient, p.plain_hessian), newton.Settings()),
    "trust-region": Method(
        lambda p, _: newton.trust_region(p.plain_value_and_gradient, p.plain_hessian), newton.Settings()
    ),
}
BOUNDED = ("l-bfgs-b", "tnc")  # SciPy's methods that know bounds
ALIASES = {
    **dict.fromkeys(BOUNDED, "l-bfgs"),
    "newton-cg": "newton",
    **dict.fromkeys(("trust-exact", "trust-ncg", "trust-krylov"), "trust-region"),
    **dict.fromkeys(("slsqp", "trust-constr"), "interior-point"),
}
_kept: OrderedDict[Any, tuple[Problem, Loop | Epochs | None, str]] = OrderedDict()


def minimize(
    f: Function,
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    method: str | None = None,
    bounds: Any = None,
    subject_to: Any = (),
    jac: Function | bool | None = None,
    hess: Function | None = None,
    tol: float | None = None,
    max_iterations: int | None = None,
    line_search: str | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    seed: Any = None,
    callback: Function | None = None,
    trace: bool = False,
    progress: bool = False,
    **settings: float,
) -> Optimum:
    """Minimize f over x, from x0, where `bounds` and `subject_to` hold.

    f: plain NumPy function of x (and `args`) with one number as value; x0: a number, an array of any shape or a tree of
    them. Derivatives come from the trace of f unless given (`jac`, also `jac=True` for f that returns both; `hess`).
    The whole loop is compiled with f inside at the first call (under constraints at the second, or where the first
    is long) and kept for later calls with the same functions.

    method: "gradient-descent", "momentum", "nesterov", "rmsprop", "adam" (with `rate=`, `momentum=`, `decay=`),
    "steepest-descent" (`line_search="armijo"`, "wolfe", "strong-wolfe" or "exact"), "bfgs", "l-bfgs", "newton",
    "newton-step" (the bare step, no safeguard), "trust-region", "interior-point". By default BFGS (L-BFGS beyond 300
    variables) and, with bounds or constraints, the interior point; both polished by Newton's method on the active set.
    bounds, subject_to: SciPy's forms and plain ones, see `cauchy.optimize.problem`. An equality has lower == upper.
    tol: of the scaled gradient max |g_i| max(|x_i|, 1) / max(|f|, 1), or of the scaled KKT residuals.
    batch_size, epochs, seed: descent over the rows of the arrays in `args` (f is then a mean over rows), in batches
    drawn anew in each epoch from `numpy.random.default_rng(seed)`; an iteration of the result is an epoch.
    callback: called with x after each iteration, or with `intermediate_result=` if that is its argument's name; it
    stops the run by returning True or raising StopIteration. trace: keep every iterate. progress: a line on stderr.
    Ctrl-C ends the run and returns the point reached.

    Returns an `Optimum`. Its `status` and `message` name how the run ended (diverged, stalled, not finite, ...), its
    `certificate` tells from x alone what x is: a minimum to first and second order, a saddle, a maximum, infeasible.
    Guarantee: none for global minima of non-convex f. Raises `TraceError`, `ShapeError`, `DomainError` for bad input.
    References: Nocedal & Wright (2006), Numerical Optimization; each method's file names its own.

    >>> import numpy as np, cauchy
    >>> rosen = lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2
    >>> result = cauchy.minimize(rosen, [-1.2, 1.0])
    >>> np.round(result.x, 6), result.certificate.certified
    (array([1., 1.]), True)
    """
    return _solve(
        f, x0, args, 1.0, method, bounds, subject_to, jac, hess, tol, max_iterations, line_search, batch_size, epochs,
        seed, callback, trace, progress, settings,
    )  # fmt: skip


def maximize(f: Function, x0: Any, args: tuple[Any, ...] = (), **options: Any) -> Optimum:
    """Maximize f: `minimize` of -f with the same options, iterate by iterate the same; `fun` and `jac` are those of f.

    Multipliers are those of the minimization of -f.

    >>> import cauchy
    >>> float(round(cauchy.maximize(lambda x: 3 - (x - 2) ** 2, 0.0).fun, 9))
    3.0
    """
    names = inspect.signature(minimize).parameters
    given = {k: options.pop(k) for k in list(options) if k in names}
    chosen: list[Any] = [given.get(k, p.default) for k, p in names.items() if p.kind is p.KEYWORD_ONLY]
    return _solve(f, x0, args, -1.0, *chosen, given=options)


def _solve(
    f: Function, x0: Any, args: tuple[Any, ...], sign: float, method: str | None, bounds: Any, subject_to: Any,
    jac: Any, hess: Any, tol: float | None, limit: int | None, search: str | None, batch: int | None,
    epochs: int | None, seed: Any, callback: Function | None, trace: bool, progress: bool, given: dict[str, float],
) -> Optimum:  # fmt: skip
    args = args if isinstance(args, tuple) else (args,)
    if given:
        unfit("minimize", given)
    key = _key(f, x0, args, sign, method, bounds, subject_to, jac, hess, search, batch)
    kept = _kept.get(key) if key is not None else None
    if kept is None:
        kept = _prepare(f, x0, args, sign, method, bounds, subject_to, jac, hess, search, batch)
        if key is not None:
            _kept[key] = kept
            if len(_kept) > REMEMBERED:
                _kept.popitem(last=False)
    p, run, name = kept
    if epochs is not None and not isinstance(run, Epochs):
        raise CauchyError("epochs without batches", fix="batch_size=..., or max_iterations=... for steps on all rows")
    start = p.shape.vector(x0)
    watcher = None
    if callback is not None or trace or progress:
        watcher = Watcher(callback and heard(callback, p, sign), trace, progress)
    if run is None:
        from .methods.interior import constrained

        return constrained(p, start, sign, tol, limit if limit is None else whole(limit), watcher, given)
    spec = METHODS[name]
    settings = spec.settings if tol is None and not given else chosen_settings(name, spec.settings, tol, given)
    if method is None and tol is None:
        settings = settings._replace(tol=TIGHT, step=NEAR)
    limit = spec.limit if limit is None else whole(limit)
    if isinstance(run, Epochs):
        seen, status = run.run(start, settings, 10 if epochs is None else whole(epochs, "epochs"), seed, watcher)
    else:
        seen, status = drive(run, start, settings, limit, watcher)
    large = p.n > LARGE
    if method is None and (status is Status.STALLED or (large and status is Status.CONVERGED)):
        seen, status = finished(p, seen, sparse=large)
    if status is Status.LIMIT and not seen.f <= p.value(start):
        status = Status.DIVERGED
    if p.by_hand and status not in (Status.NOT_FINITE, Status.INTERRUPTED, Status.STOPPED):
        from .certificate.by_hand import contradicted
        from .certificate.kkt import Point

        # at a stationary point a multiple of the gradient is as good as the gradient
        ends = [start] if status in (Status.DIVERGED, Status.UNBOUNDED) else [np.asarray(seen.x), start]
        status = Status.CONTRADICTED if any(contradicted(Point(p, at)) for at in ends) else status
    details: dict[str, Any] = {"rate": settings.rate} if name in descent.RULES else {}
    if status is Status.UNBOUNDED:
        ray = seen.x - start
        details["witness"] = ray / max(float(np.linalg.norm(ray)), 1e-300)
    path = None
    if watcher is not None and watcher.points:
        path = Path(np.array(watcher.points), sign * np.array(watcher.values), name, p.f)
    done = Run(
        np.asarray(seen.x), float(seen.f), seen.g, int(seen.k), int(seen.evals), status, name, settings.tol, path,
        details=details,
    )  # fmt: skip
    found = Optimum(p, done, sign)
    if method is None and status is Status.STALLED and found.certificate.certified:
        done.status = Status.CONVERGED  # no step lowers f because it is a minimum, at a kink say
    return found


def _prepare(
    f: Function, x0: Any, args: tuple[Any, ...], sign: float, method: str | None, bounds: Any, subject_to: Any,
    jac: Any, hess: Any, search: str | None, batch: int | None,
) -> tuple[Problem, Loop | Epochs | None, str]:  # fmt: skip
    if sign < 0:
        f, hess = _negative(f, pair=jac is True), hess and _negative(hess)
        jac = _negative(jac) if callable(jac) else jac
    p = problem(f, x0, args=args, bounds=bounds, subject_to=subject_to, jac=jac, hess=hess)
    name = _named(method, p)
    if name == "interior-point":
        return p, None, name
    if not p.free:
        raise CauchyError(
            f"method {name!r} knows no bounds and no constraints", fix='leave method out, or method="interior-point"'
        )
    spec = METHODS[name]
    if search is not None and search not in spec.searches:
        can = f"{name} takes {', '.join(spec.searches)}" if spec.searches else f"{name} has no line search"
        raise CauchyError(f"line_search={search!r}", why=can)
    if batch is not None:
        if name not in descent.RULES:
            raise CauchyError(f"{name} takes no batches", fix=f"one of {', '.join(descent.RULES)}")
        return p, Epochs(p, descent.RULES[name], type(spec.settings), batch), name
    chosen = search or (spec.searches[0] if spec.searches else "wolfe")
    start, step = spec.make(p, SEARCHES[chosen])
    return p, Loop(start, step, type(spec.settings), p.by_hand), name


def _negative(f: Function, pair: bool = False) -> Function:
    def negative(*a: Any) -> Any:
        y = f(*a)
        return tuple(-v for v in y) if pair else -np.asarray(y) if isinstance(y, (list, tuple)) else -y

    return negative


def _named(method: str | None, p: Problem) -> str:
    if method is None:
        return ("bfgs" if p.n <= LARGE else "l-bfgs") if p.free else "interior-point"
    name = method.lower().replace("_", "-") if isinstance(method, str) else repr(method)
    name = "interior-point" if name in BOUNDED and not p.free else ALIASES.get(name, name)
    if name not in METHODS and name != "interior-point":
        raise CauchyError(f"there is no method {method!r}", fix=f"one of {', '.join(METHODS)}, interior-point")
    return name


def _key(*question: Any) -> Any:
    """The question as a key: functions by identity, arrays that are data by identity too; None if it has none."""
    f, x0, args, sign, method, bounds, subject_to, jac, hess, search, batch = question
    plain = bounds is jac is hess is batch is None and not args and type(subject_to) is tuple and not subject_to
    if plain and type(x0) is np.ndarray and all(v is None or type(v) is str for v in (method, search)):
        return _Same(f), x0.shape, sign, method, search  # the common case, in a microsecond
    try:
        key = tuple([_part(q, kind) for q, kind in zip(question, _KINDS, strict=True)])
        hash(key)
    except TypeError:
        return None
    return key


# what counts of each: x0 by its structure; bounds and constraints by their numbers, which the problem copies; functions
# by identity, and so are arrays in args, which are read in place
_KINDS = ("same", "shape", "same", "same", "same", "value", "value", "same", "same", "same", "same")


def _part(x: Any, kind: str) -> Any:
    if x is None or isinstance(x, (str, bool)):
        return type(x), x  # True == 1 == 1.0, and 0.0 == -0.0, are other questions
    if type(x) is np.ndarray:
        return x.shape if kind == "shape" else (x.shape, x.dtype.str, x.tobytes()) if kind == "value" else _Same(x)
    if isinstance(x, (int, float)):
        return float if kind == "shape" else (type(x), x.hex() if isinstance(x, float) else x)
    if isinstance(x, dict):
        return (dict, tuple((k, _part(v, kind)) for k, v in x.items()))
    if type(x) in (list, tuple):
        return (type(x), tuple([_part(v, kind) for v in x]))
    if kind == "value" and hasattr(x, "lb"):  # SciPy's constraints
        return (type(x), tuple((k, _part(v, kind)) for k, v in vars(x).items()))
    if kind == "shape":
        raise TypeError("a tree of other kinds is prepared each time")
    return _Same(x)


class _Same:
    """A key that counts by identity and keeps its object alive."""

    __slots__ = ("it",)

    def __init__(self, it: Any) -> None:
        self.it = it

    def __hash__(self) -> int:
        return id(self.it)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.it is other.it
