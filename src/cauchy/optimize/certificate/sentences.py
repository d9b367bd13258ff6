"""A certificate in sentences, from the catalog (`optimize.certificate_...`)."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import figure
from ...messages import say
from ...proof import Verdict

if TYPE_CHECKING:
    from .record import Certificate

MOST = 8  # multipliers that are written out
STATIONARY = ("minimum", "degenerate", "near", "saddle", "maximum", "unknown")


def certificate_text(c: Certificate, lang: str | None = None) -> str:
    """First what x is, then why, then the numbers."""
    tell = lambda key, **fields: say(f"optimize.certificate_{key}", lang, **fields)
    head = "proved" if c.verdict is Verdict.PROVED else "certified" if c.certified else c.verdict.value
    kind = "degenerate_minimum" if c.kind == "degenerate" and c.certified else c.kind
    lines = [tell(head, kind=tell(f"kind_{kind}", distance=c.distance), tol=c.tolerance)]
    if c.proof is not None:
        lines += [c.proof.statement, *c.proof.steps]
    lines += [tell(f"doubt_{name}", **_fields(c)) for name in c.doubts]
    if c.better is not None:
        point = np.array2string(c.better.x, precision=10, threshold=6)
        lines.append(tell("better", point=point, drop=c.better.drop))
    lines += [tell("kinks", kink=str(k)) for k in c.kinks]
    if "left" in c.estimates:
        lines.append(tell("slopes", left=c.estimates["left"], right=c.estimates["right"]))
    if np.isfinite(c.stationarity) and not c.kinks:
        lines.append(tell("residuals", **_fields(c)))
    if not c.problem.free:
        lines += _constraints(c, tell)
    if c.curvature.size and c.kind in STATIONARY:
        lines.append(tell("inertia", positive=c.inertia[0], zero=c.inertia[1], negative=c.inertia[2]))
    if "digits" in c.estimates:
        lines.append(tell(f"digits_{c.estimates['digits']}"))
    if c.fritz_john is not None:
        lines.append(tell("fritz_john", part=c.fritz_john.objective, residual=c.fritz_john.residual))
    if c.certified:
        lines.append(tell("scope_lowest" if "lowest" in c.estimates else f"scope_{c.scope}"))
    return "\n".join(lines)


def _fields(c: Certificate) -> dict[str, Any]:
    names = ("violation", "stationarity", "dual", "complementarity", "distance", "fun")
    return {name: getattr(c, name) for name in names} | {"decrease": c.estimates.get("decrease", np.nan)}


def _constraints(c: Certificate, tell: Any) -> list[str]:
    named = [f"c[{i}]: {c.constraints[i]:.10g}" for i in c.active] + [
        f"x[{i}]: {c.bounds[i]:.10g}" for i in c.active_bounds
    ]
    if not named:
        return [tell("active_none")]
    rest = len(named) - MOST
    lines = [tell("active", named=", ".join(named[:MOST]) + (" …" if rest > 0 else ""), count=len(named))]
    if c.weakly_active and c.kind in STATIONARY:
        lines.append(tell("weak", named=", ".join(f"{kind}[{i}]" for kind, i in c.weakly_active)))
    if not c.independent:
        lines.append(tell("dependent"))
    return lines


def certificate_html(c: Certificate) -> str:
    color = {Verdict.PROVED: figure.GREEN, Verdict.REFUTED: figure.RED, Verdict.UNDECIDED: figure.ORANGE}[c.verdict]
    first, *rest = (html.escape(line) for line in c.text().splitlines())
    body = "".join(f"<li>{line}</li>" for line in rest)
    color = figure.GREEN if c.certified else color
    return f'<div style="border-left:4px solid {color};padding-left:.8em"><b>{first}</b><ul>{body}</ul></div>'
