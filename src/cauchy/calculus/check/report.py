"""The result of a check, in sentences."""

from __future__ import annotations

import html
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import figure
from ...messages import say
from ...proof import Result, Verdict
from .causes import Cause

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Worst:
    """Where a refuted claim is most clearly wrong: x, the component of the derivative, and both values.

    `error` is the estimated error of `derivative`; at a kink `low` and `high` are the limiting derivatives.
    """

    x: Any
    component: tuple[int, ...]
    claimed: float
    derivative: float
    error: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Check(Result):
    """What is known about a claimed derivative.

    - verdict REFUTED: `worst` is the evidence, `cause` the mistake by name ("" if none of the catalogue fits), `factor`
      = claim / derivative where that is one number (or one for each component), `likely` reasons by name.
    - PROVED: `proof` holds the formula; the claim equals it over the real numbers wherever both are defined.
    - UNDECIDED: agrees at `agreed` of the `points`, to `digits` significant digits at least (None: no point says more
      than "0 up to rounding"); `doubts` counts the points that could not be used, by reason.

    `kind` says what derivative the claim was taken for. `claimed` and `derivative` hold both sides at the points.
    Errors are estimates, so a refutation is evidence beyond 6 times the error, not a proof.
    """

    kind: str
    f: str
    claim: str
    points: tuple[Any, ...] = ()
    chosen: str = "at"
    worst: Worst | None = None
    cause: str = ""
    factor: float | tuple[float, ...] | None = None
    likely: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    agreed: int = 0
    digits: float | None = None
    doubts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    claimed: tuple[Any, ...] = ()
    derivative: tuple[Any, ...] = ()

    def text(self, lang: str | None = None) -> str:
        """The result in sentences, in English or Chinese."""
        names = {"f": self.f, "claim": self.claim, "kind": say(f"check.kind_{self.kind or 'none'}", lang)}
        verdict = self.verdict.value
        if self.verdict is Verdict.UNDECIDED:
            verdict = "agrees" if self.agreed else "nothing"
            if self.agreed and self.digits is None:
                verdict = "vanishes"
        digits = "" if self.digits is None else int(self.digits)
        lines = [say(f"check.{verdict}", lang, **names, agreed=self.agreed, points=len(self.points), digits=digits)]
        if self.worst is not None:
            w = self.worst
            where = say("check.component", lang, index=list(w.component)) if w.component else ""
            kink = w.low != w.high
            fields = {"x": _short(w.x), "component": where, "claimed": f"{w.claimed:.10g}"}
            fields |= {
                "derivative": f"{w.derivative:.10g}",
                "error": f"{w.error:.1e}",
                "low": f"{w.low:.6g}",
                "high": f"{w.high:.6g}",
            }
            lines.append(say("check.worst_kink" if kink else "check.worst", lang, **fields))
        details = dict.fromkeys(("size", "inner", "n"), "") | dict(self.details)
        if self.cause:
            lines.append(say("check.cause", lang, cause=say(f"check.cause_{self.cause}", lang, **details)))
            why = [say(f"check.likely_{name}", lang, **details) for name in self.likely]
            lines += [say("check.likely", lang, why=say("check.or", lang).join(why))] if why else []
        elif self.verdict is Verdict.REFUTED:
            lines.append(say("check.cause_unknown", lang))
        if self.proof is not None:
            lines.append(say("check.proof", lang, statement=self.proof.statement))
        lines += [say(f"check.doubt_{name}", lang, count=count, **names) for name, count in self.doubts.items()]
        lines += [say(f"check.note_{name}", lang, **names) for name in self.notes]
        if self.chosen != "at" and self.points:
            shown = ", ".join(_short(p) for p in self.points[:4]) + (" ..." if len(self.points) > 4 else "")
            lines.append(say(f"check.points_{self.chosen}", lang, count=len(self.points), points=shown))
        return "\n".join([lines[0], *(f"  {line}" for line in lines[1:])])

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str:
        color = {Verdict.PROVED: figure.GREEN, Verdict.REFUTED: figure.RED, Verdict.UNDECIDED: figure.ORANGE}[
            self.verdict
        ]
        first, *rest = (html.escape(line.strip()) for line in self.text().splitlines())
        body = "".join(f"<li>{line}</li>" for line in rest)
        return f'<div style="border-left:4px solid {color};padding-left:.8em"><b>{first}</b><ul>{body}</ul></div>'

    def to_dict(self) -> dict[str, Any]:
        """The result as data that JSON can hold; NaN and infinities become strings."""
        worst = None if self.worst is None else vars(self.worst)
        out = {
            name: getattr(self, name)
            for name in ("kind", "f", "claim", "cause", "factor", "likely", "details", "agreed")
        }
        out |= {
            name: getattr(self, name)
            for name in ("digits", "doubts", "notes", "points", "claimed", "derivative", "cost")
        }
        out |= {"verdict": self.verdict.value, "worst": worst, "formula": self.proof and self.proof.statement}
        return _plain(out)

    def to_json(self, **options: Any) -> str:
        return json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False, **options)

    def plot(self) -> Figure:
        """Claim against derivative, one dot for each component at each point: a right claim lies on the diagonal."""
        pairs = [(np.ravel(d), np.ravel(c)) for d, c in zip(self.derivative, self.claimed, strict=True)]
        true, claimed = (np.concatenate([p[i] for p in pairs]) if pairs else np.zeros(0) for i in (0, 1))
        use = np.isfinite(true) & np.isfinite(claimed)
        true, claimed = true[use], claimed[use]
        with figure.style():
            fig, ax = figure.new(size=(5.2, 4.8))
            ends = [np.min(true, initial=np.inf), np.max(true, initial=-np.inf)] if true.size else [0.0, 1.0]
            if ends[0] == ends[1]:
                ends = [ends[0] - 1, ends[1] + 1]
            ax.plot(ends, ends, color=figure.GRAY, linewidth=1, label=say("check.plot_right"))
            off = np.abs(claimed - true) > 1e-6 * np.maximum(np.abs(true), np.abs(claimed))
            ax.plot(true[~off], claimed[~off], "o", color=figure.GREEN, label=say("check.plot_agrees"))
            ax.plot(true[off], claimed[off], "x", color=figure.RED, label=say("check.plot_wrong"))
            ax.set_xlabel(say("check.plot_true"))
            ax.set_ylabel(say("check.plot_claimed"))
            ax.set_title(f"{self.claim}: {say(f'verdict.{self.verdict.value}')}")
            ax.legend()
        return fig


def refutation(cause: Cause | None) -> dict[str, Any]:
    """The fields of a `Check` that a cause fills."""
    if cause is None:
        return {}
    return {"cause": cause.name, "factor": cause.factor, "likely": cause.likely, "details": dict(cause.fields)}


def _short(x: Any) -> str:
    if np.ndim(x) == 0:
        return f"{float(x):.6g}"
    return np.array2string(np.asarray(x), precision=5, threshold=6, edgeitems=2).replace("\n", "")


def _plain(v: Any) -> Any:
    match v:
        case None | bool() | str() | int():
            return v
        case float() | np.floating():
            return float(v) if np.isfinite(v) else str(float(v))
        case np.ndarray():
            return _plain(v.tolist())
        case np.generic():
            return v.item()
        case Mapping():
            return {str(k): _plain(x) for k, x in v.items()}
    return [_plain(x) for x in v]
