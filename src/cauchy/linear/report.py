"""What the answers of linear algebra share: sentences in two languages, digits, and the two errors with a witness."""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import DomainError
from ..messages import say
from ..proof import Result, Verdict


class RankError(DomainError):
    """The rank is not full, or cannot be told in floating point, and no decision was given.

    `witness`: v with A v = 0, exactly if `proved` and otherwise to rounding; `singular_values` (of the columns scaled
    to one length), or None.
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
    """A vector x with what is known about it.

    `residual` b - A x of the rounded x; `rank`; `condition`, an estimate (see `cauchy.condition` for bounds);
    `backward_error`: the smallest relative change of the data, or a bound of it, that makes x exact;
    `forward_bound`: proven bounds of |x - truth| entry by entry, None where there is no proof; `digits`: correct
    decimal digits entry by entry, proven where `forward_bound` is, else estimated (then the same for all);
    `exact`: the solution as fractions, with `proof="exact"`.
    """

    x: np.ndarray
    residual: np.ndarray
    rank: int
    condition: float
    backward_error: float
    forward_bound: np.ndarray | None
    digits: np.ndarray
    exact: tuple[Fraction, ...] | None

    def told(self, lang: str | None, *more: str | None) -> str:
        """The lines that all answers have, and `more`."""
        worst = int(np.argmin(self.digits))
        least = self.digits[worst]
        shown = "∞" if np.isinf(least) else f"{np.floor(10 * least) / 10:.1f}"
        proved = self.verdict is Verdict.PROVED
        kind = "digits_exact" if np.isinf(least) else "digits_proved" if proved else "digits_estimated"
        lines = [
            say(f"linear.{kind}", lang, digits=shown, entry=worst),
            f"x = {vector(self.x)}",
            say("linear.quality", lang, condition=f"{self.condition:.3g}", backward=f"{self.backward_error:.1e}"),
            *more,
        ]
        left = self.estimates.get("data_digits")
        if left is not None and left < 12:
            lines.append(say("linear.data_digits", lang, digits=f"{max(left, 0.0):.0f}"))
        return "\n  ".join(s for s in lines if s)


def vector(x: Sequence[float] | np.ndarray) -> str:
    """A few entries to the last digit."""
    entries = [repr(float(v)) for v in x]
    if len(entries) > 12:
        entries[6:-3] = ["..."]
    return f"[{', '.join(entries)}]"


def correct_digits(x: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """-log10(bound/|x|), entry by entry, at least 0; infinite where the bound is 0; an entry 0 by the largest."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        digits = -np.log10(bound / np.where(x == 0, np.abs(x).max(), np.abs(x)))
    return np.where(bound == 0, np.inf, np.maximum(np.nan_to_num(digits, nan=0.0, posinf=np.inf), 0.0))


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
