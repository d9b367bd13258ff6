"""What the answers of linear algebra share: sentences in two languages, digits, and the two errors with a witness."""

from __future__ import annotations

import html
import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import DomainError
from ..messages import say
from ..proof import Result
from .twice import UNIT


class RankError(DomainError):
    """The rank is not full, or cannot be told in floating point, and no decision was given.

    `witness`: v with A v = 0, exactly if `proved` and otherwise to rounding, or None; `singular_values` (of the columns
    scaled to one length), or None.
    """

    def __init__(
        self,
        what: str,
        *,
        witness: np.ndarray | None = None,
        singular_values: np.ndarray | None = None,
        proved: bool = False,
        why: str = "",
        fix: str = "",
    ) -> None:
        self.witness, self.singular_values, self.proved = witness, singular_values, proved
        super().__init__(what, why=why, fix=fix)


class NotPositiveDefinite(DomainError):
    """`witness` is a vector v with v'Av = `form` <= 0 (exactly, if `proved`)."""

    def __init__(
        self, what: str, *, witness: np.ndarray, form: float, proved: bool, why: str = "", fix: str = ""
    ) -> None:
        self.witness, self.form, self.proved = witness, form, proved
        super().__init__(what, why=why, fix=fix)


@dataclass(frozen=True, kw_only=True)
class Told(Result):
    """A result that tells itself in sentences."""

    def text(self, lang: str | None = None) -> str:
        """The report in English ("en") or Chinese ("zh"); by default in the user's language."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.text())}</pre>"


@dataclass(frozen=True)
class Answer(Told):
    """A vector x with what is known about it; for b of shape (m, k), a matrix with a column for each problem.

    `residual` b - A x of the rounded x; `rank`; `condition`, an estimate (see `cauchy.condition` for bounds);
    `backward_error`: the smallest relative change of the data, or a bound of it, that makes x exact (the largest of
    the columns); `forward_bound`: proven bounds of |x - truth| entry by entry, None where there is no proof; `digits`:
    correct decimal digits entry by entry, at most 16, or infinite for an entry that is exact: proven where
    `forward_bound` is, else estimated, relative to the largest entry of the column; `exact`: the solution as
    fractions, with `proof="exact"` (a tuple for each row where x is a matrix). `estimates`: `forward_error`, relative,
    where nothing is proved; `data_effect`, about what rounding decimals to the doubles given can move x by, entry by
    entry, and `data_digits`, the least number of digits it leaves.
    """

    x: np.ndarray
    residual: np.ndarray
    rank: int
    condition: float
    backward_error: float
    forward_bound: np.ndarray | None
    digits: np.ndarray
    exact: tuple[Any, ...] | None

    def told(self, lang: str | None, quality: str, *more: str | None) -> str:
        """The lines that all answers have, and `more`."""
        condition, backward = f"{self.condition:.3g}", number(self.backward_error)
        lines = [
            self._known(lang),
            f"x = {entries(self.x, between=', ' if self.x.ndim == 1 else _ROW)}",
            say("linear.quality", lang, condition=condition, backward=backward) + quality,
            *more,
        ]
        effect = self.estimates.get("data_effect")
        if effect is not None and (effect > 1e-12 * np.abs(self.x)).any():
            shown = entries(effect, number) if self.x.ndim == 1 else number(effect.max())
            lines.append(say("linear.data_effect", lang, effect=shown))
        return "\n  ".join(s for s in lines if s)

    def _known(self, lang: str | None) -> str:
        """How good x is, in one sentence."""
        at = tuple(int(i) for i in np.unravel_index(int(np.argmin(self.digits)), self.x.shape))
        shown = f"{min(np.floor(self.digits[at]), 15):.0f}"  # 16 or more are all that a double has
        bound = self.forward_bound
        if bound is None:
            return say("linear.digits_estimated" if self.digits[at] >= 1 else "linear.digits_none", lang, digits=shown)
        if not bound.any():
            return say("linear.digits_exact", lang)
        size = np.abs(self.x)
        nearest = np.where(size > 0, (size - np.nextafter(size, 0)) / 2, 2.0**-900 * size.max())
        if (bound <= nearest).all():
            return say("linear.digits_all", lang)
        entry = ", ".join(map(str, at))
        if self.digits[at] >= 1:
            return say("linear.digits_proved", lang, digits=shown, entry=entry)
        return say("linear.digits_few", lang, entry=entry, bound=number(bound[at]), largest=number(bound.max()))


_ROW = ",\n" + 7 * " "


def number(v: float) -> str:
    """A size: two figures say enough."""
    return f"{v:.2g}"


def entries(x: np.ndarray, shown: Callable[[float], str] = repr, between: str = ", ") -> str:
    """The entries of a vector or matrix, or the first and last of them; to the last digit unless told otherwise."""
    rows = [shown(v) for v in x.tolist()] if x.ndim == 1 else [entries(row, shown) for row in x]
    if len(rows) > 12:
        rows[6:-3] = ["..."]
    return f"[{between.join(rows)}]"


def correct_digits(x: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """-log10(bound/|x|), entry by entry, from 0 to 16; infinite where the bound is 0; an entry 0 by the largest."""
    size = np.abs(x)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        digits = -np.log10(bound / np.where(size == 0, size.max(axis=0), size))
    return np.where(bound == 0, np.inf, np.minimum(np.maximum(digits, 0.0), 16.0))


def estimated_digits(error: np.ndarray | float, x: np.ndarray) -> np.ndarray:
    """The digits that errors relative to the largest entry (one for each column) leave, as an array like x."""
    return np.broadcast_to(np.maximum(-np.log10(np.maximum(error, UNIT)), 0.0), x.shape).copy()


def whole_numbers(*arrays: np.ndarray) -> bool:
    """Whole numbers are taken as meant; others may be rounded decimals."""
    return all(bool((v == np.rint(v)).all()) for v in arrays)


def data_estimates(high: np.ndarray, effect: np.ndarray, exponent: np.ndarray) -> dict[str, Any]:
    """What rounding of the data can move x = 2^exponent high by, and the least number of digits it leaves."""
    size = np.abs(high)
    least = float((effect / np.where(size == 0, np.maximum(size.max(axis=0), 5e-324), size)).max())
    with np.errstate(over="ignore", under="ignore"):
        moved = np.ldexp(effect, exponent)
    return {"data_effect": moved, "data_digits": min(max(-math.log10(least), 0.0), 16.0) if least else math.inf}


def quadratic_form(a: Any, v: np.ndarray) -> Fraction:
    """v'Av exactly, for a dense or sparse matrix of doubles and a vector of doubles."""
    entries = sparse.coo_array(a)
    whole = [_whole(t) for t in v]
    total = sum(
        _whole(w) * whole[i] * whole[j]
        for w, i, j in zip(entries.data, *(c.tolist() for c in entries.coords), strict=True)
    )
    return Fraction(total, 1 << 3 * _SHIFT)


_SHIFT = 1074  # every double is a whole multiple of 2^-1074


def _whole(t: float) -> int:
    p, q = float(t).as_integer_ratio()
    return p * ((1 << _SHIFT) // q)
