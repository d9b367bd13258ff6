"""Minimization under constraints: an interior point method in one compiled loop, then Newton on the active set.

Why an interior point method with exact second derivatives: on the problems of Hock and Schittkowski it is the kind that
solves nearly all of them from the given starts (IPOPT passes an independent check at 105 of 109; SLSQP and
trust-constr at about half). Its rounds are a fixed sequence of dense operations, with no inner solver for quadratic
programs, so the whole loop compiles: tens of microseconds for a small problem. Compiling takes as long as some hundred
rounds by NumPy, so a problem has these first (`PATIENCE`), unless it is asked again. The method stands in `barrier.py`,
its linear algebra in `condensed.py`; the last digits, and zeros that are zeros, come from `polish.py`.

With bounds or inequalities, small problems are solved from the same start with several first barrier parameters and
distances from the sides (`ATTEMPTS`), and the lowest point counts: different barriers lead around different local
minima. A point that its certificate shows to be a saddle or a maximum is left along the way that the certificate found.

References: A. Waechter, L. Biegler (2006), Math. Programming 106 (the method); R. Fletcher, S. Leyffer (2002), Math.
Programming 91 (the filter); J. Nocedal, S. Wright (2006), "Numerical Optimization", chapters 17-19.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from ...calculus import compile as compiled
from ...errors import DomainError, TraceError
from ..certificate.polish import polish
from ..options import chosen_settings
from ..problem import Problem
from ..result import Multipliers, Optimum, Path, Run
from ..status import Status
from .barrier import machine
from .drive import Seen, Watcher, drive, rolled, unrolled
from .interior_state import Packing, Settings, functions, inside
from .linesearch import EPS

NAME = "interior-point"
ATTEMPTS = ((0.1, 1e-2), (0.1, 1e-1), (1.0, 4e-1))  # (mu, push)
CLOSER = ((0.1, 1e-4), (0.1, 1e-8))  # where f has no value at the start moved off the sides
TIMID = (1e-4, 1e-2)  # where all barriers lead onto a plateau: a start that they hardly push away
SMALL = 50  # variables and rows up to which all attempts are made
LOWER = 1e-6  # relative difference of f between two minima
ESCAPES = 3  # from saddles
SHARPER, CLOSE = (1e-3, 1e-6), 1e-8  # tolerances, and the push, where the certificate wants more than the loop gave
LOST = (Status.INFEASIBLE, Status.NOT_FINITE)  # other attempts may fare better
ELSEWHERE = (0.1, 1.0, 1.0, 3.0)  # how far other starts are, in units of max(1, |x0|)
LIMIT = 3000
PATIENCE = 300  # rounds that a problem runs by NumPy, with compiled functions, before compiling its loop is worth it
STRETCH = 8  # of them between two looks at Ctrl-C
BALANCED = 1e-8
CLEAR = 1e-6  # relative violations beyond it are no rounding


class Found(NamedTuple):
    """What the loop reached: x of shape (n,), multipliers of the rows (m,) and bounds (n,), and how it ended.

    iterations: of the run that led to x. evaluations: of all attempts.
    bent: the curvature at x was not positive along all directions that are free. witness: where it ended INFEASIBLE,
    multipliers of 1-norm 1 that combine the gradients of what is violated to 0: no small step lowers the violation.
    Where UNBOUNDED, the direction (n,) of length 1 in which x went off.
    """

    x: np.ndarray
    f: float
    g: np.ndarray
    multipliers: Multipliers
    status: Status
    iterations: int
    evaluations: int
    bent: bool = False
    witness: Any = None


class Interior:
    """The loop of one problem, first by NumPy, then compiled; a stand-in for `drive.Loop`."""

    def __init__(self, p: Problem) -> None:
        self.problem = p
        self.functions, ready, self.rows = functions(p)
        self.start, step = machine(self.functions)
        _, self.step = machine(ready)
        self.free = np.flatnonzero(p.lower < p.upper)
        self.patience, self.asked, self.ready = float(PATIENCE), False, False
        self.bounded = bool(np.isfinite(self.functions.low).any() or np.isfinite(self.functions.high).any())
        like = self.start(p.x0[self.free], Settings())
        self.packing = packing = Packing(like)
        self.like = packing.pack(like)

        def run(packed: Any, rounds: Any, until: Any, *numbers: Any) -> Any:
            return packing.pack(rolled(step, packing.unpack(packed), Settings(*numbers), rounds, until))

        self._run = compiled.compile(_Rounds(run, (p.f, p.c, p._jac, p._hess, *(r.jac for r in p.rows))))

    def ask(self) -> None:
        """One more question about the problem. After the second one it may be asked often: its loop is compiled."""
        if self.asked and self.patience < np.inf:
            self.patience = 0.0
        self.asked = True

    def first(self, x0: np.ndarray, settings: Settings, rounds: float, until: float) -> tuple[Any, ...]:
        """What is seen of the state after at most `rounds` rounds and `until` iterations from x0, then all of it."""
        packed, at, n = self.like.copy(), self.packing.at, self.functions.n
        w = inside(x0[self.free], packed[at["low"]][:n], packed[at["high"]][:n], settings.push)
        packed[at["w"]][:n] = w
        packed[at["x"]] = self.functions.full(w)
        packed[at["mu"]] = packed[at["mu_kept"]] = settings.mu
        return self._go(packed, settings, rounds, until)

    def more(self, parts: tuple[Any, ...], settings: Settings, rounds: float, until: float) -> tuple[Any, ...]:
        """As many more."""
        return self._go(parts[6], settings, rounds, until)

    def _go(self, packed: np.ndarray, settings: Settings, rounds: float, until: float) -> tuple[Any, ...]:
        with np.errstate(all="ignore"):
            packed = (self._alone if self.patience > 0 else self._compiled)(packed, settings, rounds, until)
        at = self.packing.at
        return (packed[at["x"]], packed[at["f"]][0], packed[at["g"]], *(packed[at[k]][0] for k in _COUNTS), packed)

    def _alone(self, packed: np.ndarray, settings: Settings, rounds: float, until: float) -> np.ndarray:
        """Some rounds by NumPy."""
        before = self.packing.unpack(packed)
        after = unrolled(self.step, before, settings, min(rounds, STRETCH), until)
        self.patience -= float(after.evals - before.evals)  # each round evaluates once
        return self.packing.pack(after)

    def _compiled(self, packed: np.ndarray, settings: Settings, rounds: float, until: float) -> np.ndarray:
        try:
            if not self.ready:  # a trace runs what it records: no rounds
                self._run(packed, 0.0, until, *settings)
                self.ready = True
            return self._run(packed, rounds, until, *settings)
        except TraceError:  # by hand, or branching on values, which a loop cannot
            self.patience = np.inf
            return self._alone(packed, settings, rounds, until)

    def solve(self, x0: np.ndarray, settings: Settings, limit: int, watcher: Watcher | None = None) -> Found:
        """One run."""
        last = _Last(self)
        seen, status = drive(last, x0, settings, limit, watcher)  # type: ignore[arg-type] - it runs like a Loop
        return self._found(seen, status, last.parts[6])

    def _found(self, seen: Seen, status: Status, packed: np.ndarray) -> Found:
        p, n, at = self.problem, self.functions.n, self.packing.at
        row, bound = np.zeros(p.m), np.zeros(p.n)
        weight = packed[at["scale_f"]] if status is not Status.INFEASIBLE else 1.0
        row[self.rows] = packed[at["y"]] * packed[at["scale_c"]] / weight
        bound[self.free] = (packed[at["zu"]] - packed[at["zl"]])[:n] / weight
        witness = None
        if status is Status.INFEASIBLE:
            size = max(float(np.abs(row).sum() + np.abs(bound).sum()), 1e-300)
            witness = Multipliers(row / size, bound / size)
        if status is Status.UNBOUNDED:
            ray = seen.x - p.x0
            witness = ray / max(float(np.linalg.norm(ray)), 1e-300)
        return Found(
            seen.x, float(seen.f), seen.g, Multipliers(row, bound), status, int(seen.k), int(seen.evals),
            bool(packed[at["bent"]][0]), witness,
        )  # fmt: skip


_COUNTS = ("k", "evals", "status")


class _Rounds:
    """What is compiled. Of all that it uses only the user's functions may change, so they alone are watched."""

    def __init__(self, run: Callable[..., Any], reads: tuple[Any, ...]) -> None:
        self.run, self.reads = run, reads
        self.__name__ = "interior_point"

    def __cauchy_reads__(self) -> tuple[Any, ...]:
        return self.reads

    def __call__(self, *args: Any) -> Any:
        return self.run(*args)


class _Last:
    """Keeps the last state that a loop returned."""

    def __init__(self, run: Interior) -> None:
        self.run = run
        self.parts: tuple[Any, ...] = ()

    def first(self, *args: Any) -> tuple[Any, ...]:
        self.parts = self.run.first(*args)
        return self.parts

    def more(self, *args: Any) -> tuple[Any, ...]:
        self.parts = self.run.more(*args)
        return self.parts


_machines: weakref.WeakKeyDictionary[Problem, Interior] = weakref.WeakKeyDictionary()


def interior(p: Problem) -> Interior:
    """The problem's machine, made once."""
    if p not in _machines:
        _machines[p] = Interior(p)
    return _machines[p]


def solve(
    p: Problem,
    x0: np.ndarray | None = None,
    *,
    tol: float = Settings().tol,
    limit: int = LIMIT,
    attempts: Sequence[tuple[float, float]] = ATTEMPTS,
    watcher: Watcher | None = None,
) -> Found:
    """The lowest of the minima that the attempts (first mu, push) reach from x0, to scaled KKT residuals of tol.

    Without bounds and inequalities all attempts are the same, and one is made. `watcher` sees the one that counts.
    No guarantee: the point is what Newton's method on barrier problems converged to, not polished, and violates its
    bounds by up to 1e-10 relative; `polish` and `certify` do the rest.

    >>> import numpy as np
    >>> from cauchy.optimize.problem import problem
    >>> disk = (lambda x: x @ x, None, 2)
    >>> found = solve(problem(lambda x: x[0] + x[1], [0.0, 0.0], subject_to=disk))
    >>> np.round(found.x, 7), np.round(found.multipliers.constraints, 7)
    (array([-1., -1.]), array([0.5]))
    """
    x0 = p.x0 if x0 is None else x0
    if np.all(p.lower == p.upper):
        return _single(p)
    run, tried = interior(p), []

    def attempt(x0: np.ndarray, mu: float, push: float) -> Found:
        settings = Settings(tol, mu, push)
        tried.append((run.solve(x0, settings, limit), x0, settings))
        return tried[-1][0]

    found = attempt(x0, *attempts[0])
    if found.status is Status.NOT_FINITE and run.bounded:
        found = next((a for a in (attempt(x0, *c) for c in CLOSER) if a.status is not Status.NOT_FINITE), found)
    if run.bounded and (found.status in LOST or (max(p.n, p.m) <= SMALL and found.status is not Status.INTERRUPTED)):
        for more in attempts[1:]:
            found = attempt(x0, *more)
            if found.status is Status.INTERRUPTED:
                break
    if all(a.status is Status.INFEASIBLE for a, _, _ in tried):
        for start in _elsewhere(p, x0):
            if attempt(start, *attempts[0]).status is not Status.INFEASIBLE:
                break
    best, start, settings = tried[0]
    for other in tried[1:]:
        if _preferred(other[0], best):
            best, start, settings = other
    if best.status is Status.INFEASIBLE:
        best, start, settings = min(tried, key=lambda a: _missed(p, a[0].x))
    if watcher is not None:
        best = run.solve(start, settings, limit, watcher)
    if best.status is Status.INFEASIBLE and _missed(p, x0) < _missed(p, best.x):
        # no local minimum of the violation then, whatever the slopes said there, at a kink say
        f, g = p.value_and_gradient(x0)
        none = Multipliers(np.zeros(p.m), np.zeros(p.n))
        best = best._replace(x=x0, f=float(f), g=np.asarray(g), multipliers=none, status=Status.STALLED, witness=None)
    return best._replace(evaluations=sum(a.evaluations for a, _, _ in tried))


def _elsewhere(p: Problem, x0: np.ndarray) -> Iterator[np.ndarray]:
    """Other starts around the first: points of a sequence of low discrepancy (Roberts 2018), ever further away."""
    ratio = 2.0
    for _ in range(40):
        ratio = (1 + ratio) ** (1 / (p.n + 1))
    direction = ratio ** -np.arange(1.0, p.n + 1)
    for k, size in enumerate(ELSEWHERE, 1):
        way = 2 * ((0.5 + k * direction) % 1) - 1
        yield np.clip(x0 + size * np.maximum(1.0, np.abs(x0)) * way, p.lower, p.upper)


def _preferred(a: Found, b: Found) -> bool:
    """Whether a is the better answer."""
    if a.status is not Status.CONVERGED:
        return b.status in LOST and a.status not in LOST
    return b.status is not Status.CONVERGED or a.f < b.f - LOWER * max(1.0, abs(b.f))


def _missed(p: Problem, x: np.ndarray) -> float:
    """The violation, infinite where it has no value."""
    with np.errstate(all="ignore"):
        by = violation(p, x)
    return np.inf if np.isnan(by) else by


def _single(p: Problem) -> Found:
    """The one point that the bounds leave."""
    x = p.lower.copy()
    f, g = p.value_and_gradient(x)
    sides = np.abs(np.concatenate([p.cl[np.isfinite(p.cl)], p.cu[np.isfinite(p.cu)]]))
    status = Status.CONVERGED if violation(p, x) <= CLEAR * max(1.0, sides.max(initial=0.0)) else Status.INFEASIBLE
    status = status if np.isfinite(f) else Status.NOT_FINITE
    return Found(x, float(f), np.asarray(g), Multipliers(np.zeros(p.m), -np.asarray(g)), status, 0, 1)


def violation(p: Problem, x: np.ndarray) -> float:
    """How far the worst row or bound is missed; NaN where a row has no value."""
    v, low, high = x, p.lower, p.upper
    if p.m:
        v = np.concatenate([p.constraints(x), x])
        low, high = np.concatenate([p.cl, low]), np.concatenate([p.cu, high])
    return float(np.maximum(np.maximum(low - v, v - high), 0.0).max())


def constrained(
    p: Problem,
    x0: np.ndarray,
    sign: float,
    tol: float | None,
    limit: int | None,
    watcher: Watcher | None,
    given: Mapping[str, Any],
) -> Optimum:
    """`minimize` under constraints: loop, polish, certificate. `given`: mu and push, to make one attempt with these."""
    settings = _settings(tol, given)
    attempts = ((settings.mu, settings.push),) if given else ATTEMPTS
    limit = LIMIT if limit is None else limit
    spent = np.zeros(2, dtype=int)
    if np.any(p.lower < p.upper):
        interior(p).ask()

    def go(x0: np.ndarray, tol: float, attempts: Sequence[tuple[float, float]]) -> tuple[Found, Optimum]:
        found = solve(p, x0, tol=tol, limit=limit, attempts=attempts, watcher=watcher)
        spent[:] += (found.iterations, found.evaluations)
        return found, _polished(p, found, spent, settings.tol, watcher, sign)

    found, result = go(x0, settings.tol, attempts)
    if result.run.status is not Status.CONVERGED or not (found.bent or _doubtful(p, result.run)):
        return result
    kind = result.certificate.kind
    for digits in SHARPER if kind in ("near", "not_stationary") else ():
        _, sharper = go(result.run.x, settings.tol * digits, ((settings.tol, CLOSE),))
        if sharper.run.status is Status.UNBOUNDED or sharper.certificate.certified:
            return sharper
    if kind in ("not_stationary", "infeasible", "undefined"):
        return Optimum(p, replace(result.run, status=Status.STALLED), sign)
    if kind == "degenerate" and not result.certificate.certified and not given:  # a plateau, say
        _, other = go(x0, settings.tol, (TIMID,))
        if other.run.status is Status.CONVERGED and other.run.f < result.run.f - LOWER * max(1.0, abs(result.run.f)):
            result = other
    for _ in range(ESCAPES):
        better = result.certificate.better
        if better is None:
            break
        _, other = go(_beyond(p, result.run.x, better.x), settings.tol, attempts)
        needed = result.run.f - LOWER * max(1.0, abs(result.run.f))
        if other.run.status is not Status.CONVERGED or not other.run.f < needed:
            break
        result = other
    return result


def _doubtful(p: Problem, run: Run) -> bool:
    """Whether the gradients of f and of the constraints do not balance as well as their own size lets one expect.

    Where all of them are 0 they say nothing.
    """
    assert run.g is not None
    assert run.constraints is not None
    assert run.bounds is not None
    rows = [run.g[None], run.bounds[None], *([p.jacobian(run.x) * run.constraints[:, None]] if p.m else [])]
    parts = np.concatenate(rows)
    size = np.abs(parts).sum(axis=0)
    return bool(not size.any() or np.any(np.abs(parts.sum(axis=0)) > BALANCED * size))


def _beyond(p: Problem, x: np.ndarray, better: np.ndarray) -> np.ndarray:
    """As far in the direction of a better point as f falls."""
    best, f = better, float(p.value(better))
    for k in range(1, 8):
        y = np.clip(x + 10.0**k * (better - x), p.lower, p.upper)
        with np.errstate(all="ignore"):
            fy = float(p.value(y))
        if not fy < f:
            break
        best, f = y, fy
    return best


def _polished(p: Problem, found: Found, spent: np.ndarray, tol: float, watcher: Watcher | None, sign: float) -> Optimum:
    x, y, status, details = np.clip(found.x, p.lower, p.upper), found.multipliers, found.status, {}
    ended = status in (Status.CONVERGED, Status.STALLED, Status.LIMIT)
    if ended and np.isfinite(found.f):
        x, y = polish(p, x)
        x = _settled(p, x)
    with np.errstate(all="ignore"):
        if status in (Status.INFEASIBLE, Status.UNBOUNDED):
            details = {"witness": found.witness, "violation": violation(p, x)}
        f, g = p.value_and_gradient(x)
    path = None
    if watcher is not None and watcher.points:
        path = Path(np.array(watcher.points), sign * np.array(watcher.values), NAME, p.f)
    run = Run(
        x, float(f), np.asarray(g), int(spent[0]), int(spent[1]), status, NAME, tol, path, y.constraints, y.bounds,
        details,
    )  # fmt: skip
    result = Optimum(p, run, sign)
    if ended and status is not Status.CONVERGED and result.certificate.certified:
        return Optimum(p, replace(run, status=Status.CONVERGED), sign)
    return result


def _settled(p: Problem, x: np.ndarray) -> np.ndarray:
    """x with what is a rounding away from a bound put there, if neither f nor the constraints mind."""
    at = x
    for bound in (p.lower, p.upper):
        at = np.where(np.abs(x - bound) <= EPS * np.maximum(np.abs(x), 1.0), bound, at)
    if np.array_equal(at, x):
        return x
    with np.errstate(all="ignore"):
        return at if p.value(at) <= p.value(x) and _missed(p, at) <= _missed(p, x) else x


def _settings(tol: float | None, given: Mapping[str, Any]) -> Settings:
    settings = chosen_settings(NAME, Settings(), tol, given, positive=True)
    if settings.push >= 0.5:
        raise DomainError(f"push={settings.push!r}; wanted less than 0.5, which is the middle of a box")
    return settings
