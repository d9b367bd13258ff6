"""The pictures of optimization: the way of a run, and a problem of two variables with the balance of its forces."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import figure
from ..errors import CauchyError
from ..messages import language, say
from .status import Status

if TYPE_CHECKING:
    from .certificate import Certificate
    from .lagrange import Lagrange
    from .problem import Problem
    from .result import Optimum, Path

GRID = 121  # points of each axis under the contours; twice as many where f is compiled
FALLING = (Status.DIVERGED, Status.UNBOUNDED)  # such a run has no last value worth comparing with
_PAPER = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.75}
MARKS = {"minimum": "*", "maximum": "^", "saddle": "X", "degenerate": "D"}


def path_figure(path: Path, lang: str | None = None, found: Optimum | None = None) -> Any:
    """The iterates over f for one variable, over contours for two, else how far f still is from where it ended."""
    p, c = (None, None) if found is None else (found.problem, found.certificate)
    n, sign = path.x.shape[1], _sign(path)
    with figure.style():
        made, axes = figure.new(size=(6.0, 4.8))
        if n == 2:
            _plane(axes, path.f, path.x, p)
            _way(axes, path.x, lang)
            _forces(axes, c, sign)
            _end(axes, path.x[-1], path.x[-1, 1], c, lang)
        elif n == 1:
            _line(axes, path, sign, lang)
            _end(axes, path.x[-1], path.fun[-1], c, lang)
        else:
            _progress(axes, path, lang, found)
        made.legend(loc="outside lower center", ncols=3, fontsize=9)
        head = say("optimize.trace_title", lang, method=path.method, nit=len(path) - 1)
        _title(axes, lang, head, *([] if found is None else [*_of(sign, lang), _verdict(found, lang)]))
    return made


def certificate_figure(c: Certificate, lang: str | None = None, sign: float = 1.0) -> Any:
    """A candidate of two variables: contours, what is feasible, and the forces that have to balance there.

    sign: -1 where the problem is that of a maximum.
    """
    if c.problem.n != 2:
        raise CauchyError(f"a point of {c.problem.n} variables is not drawn; wanted 2", fix="minimize(..., trace=True)")
    with figure.style():
        made, axes = figure.new(size=(6.0, 4.8))
        _plane(axes, c.problem.value, c.x[None], c.problem)
        _forces(axes, c, sign)
        _end(axes, c.x, c.x[1], c, lang)
        _title(axes, lang, *_of(sign, lang), _sentence(c.text(lang)))
    return made


def lagrange_figure(found: Lagrange, lang: str | None = None) -> Any:
    """All stationary points of a problem of two variables, on its constraints."""
    if found.problem.n != 2:
        raise CauchyError(f"a problem of {found.problem.n} variables is not drawn; wanted 2")
    with figure.style():
        made, axes = figure.new(size=(6.0, 4.8))
        points = np.array([p.x for p in found.points] or [found.problem.x0])
        _plane(axes, found.problem.value, points, found.problem, room=1.6)
        seen: set[str] = set()
        for p in found.points:
            label = None if p.kind in seen else say(f"optimize.lagrange_kind_{p.kind}", lang)
            seen.add(p.kind)
            color = figure.BLUE if p.kind == "minimum" else figure.ORANGE
            axes.plot(*p.x, MARKS[p.kind], color=color, markersize=10, label=label, zorder=6, linestyle="none")
            text = f"f = {p.fun:.4g}"
            axes.annotate(text, p.x, textcoords="offset points", xytext=(8, 6), fontsize=9, zorder=7, bbox=_PAPER)
        if seen:
            made.legend(loc="outside lower center", fontsize=9)
        _title(axes, lang, found.text(lang).splitlines()[-1])
    return made


# -- words -----------------------------------------------------------------------------------------------------------


def _sentence(text: str) -> str:
    """The first sentence of a report, without what it says in parentheses at its end."""
    return re.sub(r"\s*(（[^（）]*）|\([^()]*\))(?=[.。]?$)", "", text.splitlines()[0])


def _title(axes: Any, lang: str | None, *lines: str) -> None:
    width = 36 if language(lang) == "zh" else 72
    axes.set_title("\n".join(textwrap.fill(line, width) for line in lines), fontsize=11)


def _of(sign: float, lang: str | None) -> list[str]:
    return [say("optimize.result_maximized", lang)] if sign < 0 else []


def _verdict(found: Optimum, lang: str | None) -> str:
    """What the certificate says, or how the run failed."""
    return _sentence(found.certificate.text(lang) if found.status == Status.CONVERGED else found.describe(lang))


# -- parts -----------------------------------------------------------------------------------------------------------


def _way(axes: Any, x: np.ndarray, lang: str | None) -> None:
    axes.plot(x[:, 0], x[:, 1], "o-", color=figure.BLUE, markersize=3, linewidth=1.2, zorder=4)
    axes.plot(*x[0], "o", color=figure.ORANGE, zorder=5, label=say("optimize.picture_start", lang))


def _end(axes: Any, x: np.ndarray, y: float, c: Certificate | None, lang: str | None) -> None:
    """A star for what is certified, a cross for what is not."""
    good = c is None or c.certified
    axes.plot(
        x[:1], [y], "*" if good else "X", color=figure.RED, markersize=12 if good else 9, linestyle="none", zorder=6,
        label=say("optimize.picture_end", lang),
    )  # fmt: skip


def _sign(path: Path) -> float:
    """-1 where f was maximized: the loops minimize -f, the iterates keep f."""
    i = int(np.argmax(np.where(np.isfinite(path.fun), np.abs(path.fun), 0.0)))  # where the sign can be told
    with np.errstate(all="ignore"):
        return -1.0 if float(np.ravel(path.f(path.x[i]))[0]) * path.fun[i] < 0 else 1.0


def _line(axes: Any, path: Path, sign: float, lang: str | None) -> None:
    """f of one variable, and the iterates on it."""
    x = path.x[np.isfinite(path.x[:, 0]), 0]
    room = 0.15 * max(float(np.ptp(x)), 1e-3 * max(float(np.abs(x).max()), 1.0))
    t = np.linspace(x.min() - room, x.max() + room, 401)
    with np.errstate(all="ignore"):
        axes.plot(t, [sign * float(np.ravel(path.f(np.array([v])))[0]) for v in t], color=figure.GRAY)
    axes.plot(path.x[:, 0], path.fun, "o-", color=figure.BLUE, markersize=4, linewidth=0.8, zorder=4)
    axes.plot(
        path.x[:1, 0], path.fun[:1], "o", color=figure.ORANGE, zorder=5, label=say("optimize.picture_start", lang)
    )
    axes.set(xlabel="$x$", ylabel="$f(x)$")


def _progress(axes: Any, path: Path, lang: str | None, found: Optimum | None) -> None:
    """How far f is from its last value (its first, where the run went off), and how much the constraints are missed."""
    first = found is not None and found.status in FALLING
    k, away = np.arange(len(path)), np.abs(path.fun - path.fun[0 if first else -1])
    axes.semilogy(
        k[away > 0], away[away > 0], "o-", markersize=3, label=r"$|f(x_k) - f(x_%s)|$" % ("0" if first else "K")
    )
    if found is not None and not found.problem.free:
        missed = np.array([_slack(found.problem, x).max() for x in path.x])
        if (missed > 0).any():
            label = say("optimize.picture_violation", lang)
            axes.semilogy(k[missed > 0], missed[missed > 0], "s--", color=figure.ORANGE, markersize=3, label=label)
    axes.set_xlabel(say("optimize.trace_iteration", lang))
    axes.xaxis.get_major_locator().set_params(integer=True)


def _slack(p: Problem, x: np.ndarray) -> np.ndarray:
    """How far x is beyond each side: positive where it is violated."""
    with np.errstate(all="ignore"):
        c = np.asarray(p.constraints(x), np.float64)
        beyond = np.concatenate((p.cl - c, c - p.cu, p.lower - x, x - p.upper))
    return beyond[np.isfinite(beyond) | np.isnan(beyond)]


def _window(points: np.ndarray, room: float) -> tuple[np.ndarray, np.ndarray]:
    """The points and `room` times their spread, with place for arrows at the last; no side much shorter than the other
    unless their scales differ altogether."""
    points = points[np.isfinite(points).all(axis=1)]
    low, high = points.min(axis=0), points.max(axis=0)
    half, middle = (high - low) / 2, (low + high) / 2
    size = np.maximum(np.abs(middle), 1.0)
    half = np.maximum(half, 1e-3 * size if half.any() else 0.5 * size)
    if (high == low).any() or half.max() <= 20 * half.min():
        half = np.maximum(half, 0.6 * half.max())
    low, high = middle - room * half, middle + room * half
    return np.minimum(low, points[-1] - 0.9 * half), np.maximum(high, points[-1] + 0.9 * half)


def _plane(axes: Any, f: Any, points: np.ndarray, p: Problem | None, room: float = 1.25) -> None:
    """Contours of f around the points; gray where a constraint is violated, a line where it is just met."""
    low, high = _window(points, room)
    many = GRID if p is None or p.by_hand else 2 * GRID
    u, v = (np.linspace(a, b, many) for a, b in zip(low, high, strict=True))
    f = f if p is None else p.value
    at = np.stack(np.meshgrid(u, v), axis=-1)
    with np.errstate(all="ignore"):
        height = np.array([[float(np.ravel(f(x))[0]) for x in row] for row in at])
    height[np.abs(height) > 1e300] = np.nan  # differences of such would overflow
    seen = height[np.isfinite(height)]
    if seen.size and np.ptp(seen) > 0:
        if p is None or p.free:  # a valley: levels as close at the bottom as at the top, those of a logarithm
            levels = seen.min() + np.geomspace(1e-4, 1.0, 14) * np.ptp(seen)
        else:
            levels = np.unique(np.quantile(seen, np.linspace(0.01, 0.99, 14)))
        axes.contour(u, v, height, levels=levels, colors=figure.GRAY, linewidths=0.6, alpha=0.8, linestyles="solid")
    if p is not None and not p.free:
        _restrictions(axes, p, u, v, at)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), xlabel="$x_0$", ylabel="$x_1$")
    if (high - low).max() <= 3 * (high - low).min():
        axes.set_aspect("equal")  # so that gradients stand at right angles to contours


def _restrictions(axes: Any, p: Problem, u: np.ndarray, v: np.ndarray, at: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        rows = np.array([[np.asarray(p.constraints(x), np.float64) for x in row] for row in at])
    values = np.concatenate((rows, at), axis=-1)
    worst = np.full(values.shape[:2], -np.inf)
    sides = zip(np.append(p.cl, p.lower), np.append(p.cu, p.upper), strict=True)
    for i, (lower, upper) in enumerate(sides):
        c = values[..., i]
        if lower < upper:
            worst = np.fmax(worst, np.fmax(lower - c, c - upper))
        known = c[np.isfinite(c)]
        for side in {lower, upper}:
            if known.size and known.min() < side < known.max():
                axes.contour(u, v, c, levels=[side], colors="black", linewidths=1.8 if lower == upper else 1.0)
    if worst.max() > 0:
        axes.contourf(u, v, worst, levels=[0.0, worst.max()], colors=[figure.GRAY], alpha=0.22)


def _forces(axes: Any, c: Certificate | None, sign: float = 1.0) -> None:
    """The gradient of f and the active constraints' gradients times multipliers: at a minimum they add up to 0."""
    if c is None or not (c.active or c.active_bounds):
        return
    p = c.problem
    J = np.vstack((np.asarray(p.jacobian(c.x)), np.eye(2)))
    y = np.append(c.constraints, c.bounds)
    held = [*c.active, *(p.m + i for i in c.active_bounds)]
    named = [f"c_{i}" if i < p.m else f"x_{i - p.m}" for i in held]
    arrows = [(r"$\nabla f$" if sign > 0 else r"$-\nabla f$", np.asarray(p.gradient(c.x)), "black")]
    arrows += [
        (rf"${y[i]:.3g}\,\nabla {name}$", y[i] * J[i], figure.ORANGE) for i, name in zip(held, named, strict=True)
    ]
    longest = max(np.abs(g).max() for _, g, _ in arrows)
    if not (np.isfinite(longest) and longest > 0):
        return
    span = min(np.ptp(axes.get_xlim()), np.ptp(axes.get_ylim()))
    for label, g, color in arrows:
        step = 0.24 * span * g / longest
        if np.hypot(*step) < 0.02 * span:
            continue
        style = {"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 0, "shrinkB": 0, "mutation_scale": 14}
        axes.annotate("", c.x + step, c.x, arrowprops=style, zorder=5)
        side = np.sign(step) * (np.abs(step) > 0.3 * np.abs(step).max())
        axes.annotate(
            label, c.x + step, textcoords="offset points", xytext=tuple(5 * side), color=color, zorder=7, bbox=_PAPER,
            ha=("right", "center", "left")[int(side[0]) + 1], va=("top", "center", "bottom")[int(side[1]) + 1],
        )  # fmt: skip
