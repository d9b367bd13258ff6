"""What each sample is to a support vector machine, and why."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...errors import DomainError, ShapeError
from ...messages import say
from ...proof import Proof, Result, Verdict
from ..wording import shown
from .margin import Margin, maximum_margin

NEAR = 1e-6  # of a margin: at most so far from 1 is on it
MOST = 200  # points on the margin, up to which the ranges of their multipliers are computed
SHOWN = 8


@dataclass(frozen=True, kw_only=True)
class Explanation(Result):
    """Each sample's part in a fit; as text, a report in sentences.

    For each of the n samples, as arrays (n,) of float64:

    - `margins`: y f(x), with y = 1 for the second class, -1 for the first. 1: on the margin; more: beyond it, on its
      own side; below 1: inside the margin, below 0: on the wrong side.
    - `multipliers`: alpha in [0, c], the price of the sample's constraint; c = C times the sample's weight.
    - `least`, `most`: between these the multiplier can lie without f changing; NaN where not computed (more than 200
      samples on the margin).

    Indices of samples, as arrays of integers:

    - `support`: multiplier > 0; f is a sum over these alone. `bounded`: those of them at c, all inside the margin or
      on it.
    - `touching`: on the margin, with multiplier 0.
    - `deletable`: multiplier 0; without all of them the solution is the same.
    - `replaceable`: support points that others can stand in for, one at a time (`least` is 0).

    Of the samples `adding` named, None without them: `added_margins` (m,), their y f; `changing`, the indices of
    those that change the solution (y f < 1). `unique`: is there only one vector of multipliers?

    All of it comes from doubles: estimates, "on the margin" means up to `NEAR` = 1e-6. The verdict and the proof are
    those of the fit's certificate. Reference: Burges and Crisp (1999) on the uniqueness of the multipliers.

    >>> from cauchy.learn import SVC
    >>> X, y = [[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [-3.0, 0.0]], [-1, 1, 1, -1]
    >>> told = SVC(C=10.0, kernel="linear").fit(X, y).explain(X, y, adding=([[5.0, 0.0], [0.5, 0.0]], [1, 1]))
    >>> told.margins.round(6), told.support, told.touching, told.deletable
    (array([1., 1., 1., 4.]), array([0, 2]), array([1]), array([1, 3]))
    >>> told.added_margins.round(6), told.changing, told.unique
    (array([ 4. , -0.5]), array([1]), True)
    """

    margins: np.ndarray
    multipliers: np.ndarray
    least: np.ndarray
    most: np.ndarray
    support: np.ndarray
    bounded: np.ndarray
    touching: np.ndarray
    deletable: np.ndarray
    replaceable: np.ndarray
    added_margins: np.ndarray | None = None
    changing: np.ndarray | None = None

    @property
    def unique(self) -> bool | None:
        """Is there one vector of multipliers only? None where that was not computed."""
        if np.isnan(self.least).any():
            return None
        return bool((self.most - self.least <= 1e-6 * float(self.multipliers.max())).all())

    def sentences(self, lang: str | None = None) -> list[str]:
        """The report, a sentence an entry."""
        tell = lambda key, **fields: say(f"learn.svm_{key}", lang, **fields)
        which = lambda points: _listed([str(i) for i in points], lang)
        n, k = len(self.margins), len(self.support)
        told = [tell("counts", n=n, support=k, bounded=len(self.bounded), inactive=n - k)]
        told.append(tell("support", which=which(self.support)))
        if len(self.touching):
            told.append(tell("touching", which=which(self.touching)))
        if len(self.deletable):
            told.append(tell("deletable", which=which(self.deletable)))
        if self.unique is None:
            told.append(tell("ranges_unknown", count=int((np.abs(self.margins - 1) <= NEAR).sum())))
        elif self.unique:
            told.append(tell("unique"))
        else:
            wide = np.flatnonzero(self.most - self.least > 1e-6 * float(self.multipliers.max()))
            ranges = [f"{i}: [{self.least[i]:.6g}, {self.most[i]:.6g}]" for i in wide]
            told.append(tell("range", which=_listed(ranges, lang)))
            if len(self.replaceable):
                told.append(tell("replaceable", which=which(self.replaceable)))
        if self.added_margins is not None and self.changing is not None:
            if len(self.changing):
                others = len(self.added_margins) - len(self.changing)
                told.append(tell("added_changes", which=which(self.changing), others=others))
            else:
                least = float(self.added_margins.min())
                told.append(tell("added_nothing", n=len(self.added_margins), least=least))
        return told

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def _repr_html_(self) -> str:
        return "".join(f"<p>{html.escape(s)}</p>" for s in self.sentences())


def _listed(items: Sequence[str], lang: str | None) -> str:
    if not items:
        return say("learn.svm_none", lang)
    shown = ", ".join(items[:SHOWN])
    return shown if len(items) <= SHOWN else say("learn.svm_and_more", lang, shown=shown, more=len(items) - SHOWN)


def explain(machine: Any, X: Any, y: Any, adding: tuple[Any, Any] | None) -> Explanation:
    """`machine.explain(X, y, adding=...)`."""
    if len(machine.classes_) != 2:
        raise DomainError(
            f"{type(machine).__name__}.explain: two classes are explained, the fit has {len(machine.classes_)}",
            fix="fit two of the classes, and explain those",
        )
    if getattr(machine, "loss", "hinge") != "hinge":
        raise DomainError("LinearSVC.explain: with the squared hinge every sample inside the margin is a support point")
    signs, values = _read(machine, X, y)
    n = len(signs)
    if n != machine._price.shape[0]:
        raise ShapeError(
            f"{type(machine).__name__}.explain: {n} samples, the fit had {machine._price.shape[0]}",
            fix="explain the samples it was fitted to; new ones go to adding=(X_new, y_new)",
        )
    beta = np.zeros(n)
    beta[machine.support_] = machine.dual_coef_[0]
    if (beta * signs).min() < 0 or np.abs(signs * values - 1)[(np.abs(beta) > 0) & (np.abs(beta) < machine._price)].max(
        initial=0.0
    ) > max(1e-3, 1e3 * machine.tol):
        raise DomainError(f"{type(machine).__name__}.explain: these are not the samples it was fitted to")
    margins, a, c = signs * values, np.abs(beta), machine._price
    support = np.flatnonzero(a)
    on = np.flatnonzero((np.abs(margins - 1) <= max(NEAR, 1e2 * machine.tol)) & (c > 0))
    least, most = _ranges(machine, X, signs, beta, c, on)
    zero = 1e-9 * float(a.max(initial=0.0))
    added = changing = None
    if adding is not None:
        new_signs, new_values = _read(machine, *adding)
        added = new_signs * new_values
        changing = np.flatnonzero(added < 1 - max(NEAR, 1e2 * machine.tol))
    known = machine.certificate_
    return Explanation(
        margins=margins,
        multipliers=a,
        least=least,
        most=most,
        support=support,
        bounded=np.flatnonzero((a > 0) & (a >= c)),
        touching=np.setdiff1d(on, support),
        deletable=np.flatnonzero(a == 0),
        replaceable=np.flatnonzero((a > 0) & (least <= zero)),
        added_margins=added,
        changing=changing,
        verdict=known.verdict,
        proof=known.proof,
        estimates={"near": NEAR},
    )


def _read(machine: Any, X: Any, y: Any) -> tuple[np.ndarray, np.ndarray]:
    """Signs and values of samples."""
    values = machine.decision_function(X)
    labels = np.asarray(y)
    if labels.shape != values.shape:
        raise ShapeError(f"{type(machine).__name__}.explain: {len(values)} samples and labels of shape {labels.shape}")
    strange = ~np.isin(labels, machine.classes_)
    if strange.any():
        raise DomainError(
            f"{type(machine).__name__}.explain: {shown(labels[strange][0])} is none of the classes"
            f" {machine.classes_.tolist()}"
        )
    return np.where(labels == machine.classes_[1], 1.0, -1.0), values


def _ranges(
    machine: Any, X: Any, signs: np.ndarray, beta: np.ndarray, c: np.ndarray, on: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The least and largest value of each multiplier over all optimal ones.

    w is unique, so those that agree with it differ by a change of beta with K change = 0 and sum change = 0, and only
    points on the margin can change: the null space of their Gram matrix, within the box.
    """
    least, most = np.abs(beta), np.abs(beta)
    if len(on) > MOST:
        least, most = least.copy(), most.copy()
        least[on] = most[on] = np.nan
        return least, most
    if not len(on):
        return least, most
    G = machine._gram_of(X, on)
    size = float(np.abs(np.diag(G)).max()) or 1.0
    intercept = getattr(machine, "fit_intercept", True)
    stacked = np.vstack([G / size, np.ones(len(on))]) if intercept else G / size
    _, s, rows = np.linalg.svd(stacked)
    null = rows[int((s > 1e-9 * s[0]).sum()) :].T
    if not null.shape[1]:
        return least, most
    from scipy.optimize import linprog

    least, most = least.copy(), most.copy()
    turned = signs[on, None] * null
    room = np.vstack([-turned, turned])
    at = np.clip(least[on], 0, c[on])
    finite = np.isfinite(c[on])
    rows_kept = np.concatenate([np.ones(len(on), bool), finite])
    limit = np.concatenate([at, c[on] - at])
    for k, i in enumerate(on):
        for sign, found in ((1.0, least), (-1.0, most)):
            end = linprog(sign * turned[k], room[rows_kept], limit[rows_kept], bounds=(None, None), method="highs")
            found[i] = at[k] + float(turned[k] @ end.x) if end.status == 0 else (np.inf if end.status == 3 else np.nan)
    return np.maximum(least, 0.0), np.minimum(most, c)


# -- texts that can be read in more than one way -------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Readings(Result):
    """One set of points, several readings of its labels: the exact solution of each, and whether they agree."""

    solutions: Mapping[str, Margin]
    disputed: tuple[int, ...]
    agree: bool

    def __str__(self) -> str:
        count = len(self.solutions)
        which = ", ".join(map(str, self.disputed))
        head = say("learn.svm_readings_agree" if self.agree else "learn.svm_readings_differ", count=count, which=which)
        return "\n".join([head, *(f"{name}: {found}" for name, found in self.solutions.items())])


def readings(X: Any, labels: Mapping[str, Sequence[Any]]) -> Readings:
    """Solve `maximum_margin(X, y, exact=True)` for each reading y of the labels, and say whether it matters which.

    A text may leave open to which class a point belongs; then every reading is solved and the ambiguity is reported.

    >>> found = readings([[0, 0], [2, 2], [1, 1]], {"near": [-1, 1, -1], "far": [-1, 1, 1]})
    >>> found.agree, found.disputed
    (False, (2,))
    """
    if not labels:
        raise DomainError("readings: no reading of the labels was given")
    solutions = {name: maximum_margin(X, y, exact=True) for name, y in labels.items()}
    first, *others = solutions.values()
    agree = all(found.w == first.w and found.b == first.b for found in others)
    disputed = tuple(i for i, column in enumerate(zip(*labels.values(), strict=True)) if len(set(column)) > 1)
    proof = Proof(
        "kkt", "each solution satisfies the optimality conditions in fractions, and they are compared exactly"
    )
    return Readings(solutions=solutions, disputed=disputed, agree=agree, verdict=Verdict.PROVED, proof=proof)
