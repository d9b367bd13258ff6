"""A line search as a state machine: one trial step per round, so that the objective stands in the loop once.

Along d from x, phi(t) = f(x + t d). A trial t is taken when it falls enough (Armijo: phi(t) <= phi(0) + c1 t phi'(0))
and its slope has risen enough (Wolfe: phi'(t) >= c2 phi'(0); strong: |phi'(t)| <= c2 |phi'(0)|). Until then a bracket
shrinks.
Where phi is flat to rounding, slopes decide (Hager & Zhang, 2005, the approximate Wolfe condition), so that searches
do not fail close to a minimum. References: Nocedal & Wright (2006), section 3.5; Lewis & Overton (2013).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

EPS = float(np.finfo(float).eps)
LONGEST = 60  # trials of one search
SETTLED = 1000.0  # trials: the mark of a search that takes its best trial


class Bracket(NamedTuple):
    """t is the next trial; the ends hold phi and phi' there; hi is infinite until a trial was too long."""

    t: Any
    lo: Any
    f_lo: Any
    s_lo: Any
    hi: Any
    f_hi: Any
    s_hi: Any
    trials: Any


def begin(t: Any, f: Any, slope: Any) -> Bracket:
    """A search that tries t first."""
    return Bracket(t, 0.0 * f, f, slope, np.inf + 0.0 * t, f, slope, 0.0 * t)


class Rule(NamedTuple):
    """c1, c2 as above; without `wolfe` Armijo alone counts; `strong` bounds the slope on both sides."""

    c1: float = 1e-4
    c2: float = 0.9
    wolfe: bool = True
    strong: bool = False


WOLFE = Rule()
STRONG = Rule(c2=0.1, strong=True)
ARMIJO = Rule(wolfe=False)
EXACT = Rule(c2=1e-9, strong=True)


def judge(rule: Rule, b: Bracket, f0: Any, s0: Any, ft: Any, st: Any) -> tuple[Any, Bracket]:
    """Whether the trial with value ft and slope st is accepted, and the bracket with the next trial if not."""
    finite = np.isfinite(ft) & np.isfinite(st)
    noise = 4 * EPS * np.abs(f0)
    flat = (ft <= f0 + noise) & (st <= (2 * rule.c1 - 1) * s0)
    fell = finite & ((ft <= f0 + rule.c1 * b.t * s0) | flat)
    short = (st < rule.c2 * s0) & rule.wolfe
    over = (st > -rule.c2 * s0) & rule.strong
    long = ~fell | over
    hi, f_hi, s_hi = (np.where(long, new, old) for new, old in ((b.t, b.hi), (ft, b.f_hi), (st, b.s_hi)))
    lo, f_lo, s_lo = (np.where(long, old, new) for new, old in ((b.t, b.lo), (ft, b.f_lo), (st, b.s_lo)))
    # a trial that goes uphill brackets a minimum; one that falls on and on is prolonged
    inside = _between(lo, f_lo, s_lo, hi, f_hi, s_hi, b.trials)
    t = np.where(np.isfinite(hi), inside, _beyond(b.t, b.lo, b.s_lo, st))
    return fell & ~short & ~over, Bracket(t, lo, f_lo, s_lo, hi, f_hi, s_hi, b.trials + 1.0)


def _beyond(t: Any, lo: Any, s_lo: Any, st: Any) -> Any:
    """Where the slopes, prolonged, vanish: between twice and ten times as far."""
    secant = t + st * (t - lo) / np.where(s_lo < st, s_lo - st, -1.0)
    return np.where(s_lo < st, np.minimum(np.maximum(secant, 2.0 * t), 10.0 * t), 4.0 * t)


def _between(lo: Any, f_lo: Any, s_lo: Any, hi: Any, f_hi: Any, s_hi: Any, trials: Any) -> Any:
    """The minimum of the cubic with these values and slopes; the secant of slopes where values are all rounding."""
    width = hi - lo
    finite = np.isfinite(f_hi) & np.isfinite(s_hi)
    # every third trial halves: the bracket shrinks geometrically whatever the models say
    halve = ~finite | (trials % 3 == 2)
    middle = lo + np.where(finite, 0.5, 0.1) * width
    d1 = s_lo + s_hi - 3 * (f_lo - f_hi) / np.where(np.isfinite(hi), lo - hi, -1.0)
    root = np.sqrt(np.maximum(d1 * d1 - s_lo * s_hi, 0.0))
    below = s_hi - s_lo + 2 * root
    cubic = hi - width * (s_hi + root - d1) / np.where(below != 0, below, 1.0)
    rise = s_hi - s_lo
    secant = lo - s_lo * width / np.where(rise != 0, rise, 1.0)
    noisy = np.abs(f_hi - f_lo) <= 1e-9 * (np.abs(f_lo) + np.abs(f_hi))
    t = np.where(noisy & (s_hi > 0), secant, cubic)
    safe = (t > lo + 1e-3 * width) & (t < hi - 1e-3 * width)  # False for NaN
    return np.where(halve | ~safe, middle, t)


def spent(b: Bracket, x: Any, d: Any) -> Any:
    """Whether no trial is left: the bracket is narrower than the spacing of doubles at x, or there were too many."""
    width = np.where(np.isfinite(b.hi), b.hi - b.lo, 1e300)
    return np.all(np.abs(width * d) <= EPS * np.abs(x)) | (b.trials > LONGEST)
