"""The report on one program, as text in the reader's language. Its JSON form is the plain data itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ...messages import say

_MARKS = {"agrees": "+", "refuted": "x", "undecided": "?"}


def text(program: dict[str, Any], lang: str) -> str:
    """All findings on one file, in the order of its lines."""
    lines = [program["path"]]  # a file, or the name of a module
    if program["status"] not in ("finished", "stopped"):
        where = _place(program["file"], program["line"]) if program["line"] else ""
        lines.append(
            "  "
            + say(
                f"audit.run_{program['status']}",
                lang,
                where=where,
                error=program["error"],
                seconds=f"{program['seconds']:.3g}",
            )
        )
    for c in sorted(program["claims"], key=lambda c: (c["file"], c["line"])):
        lines += claim(c, lang)
    for p in program["promises"]:
        lines.append(
            "  x "
            + say(
                "audit.promise",
                lang,
                where=_place(p["file"], p["line"]),
                **{k: p[k] for k in ("function", "word", "samples")},
            )
        )
    if not program["claims"] and program["status"] in ("finished", "stopped"):
        lines.append("  " + say("audit.nothing", lang))
    return "\n".join(lines)


def claim(c: dict[str, Any], lang: str) -> list[str]:
    head = f"  {_MARKS[c['status']]} {_place(c['file'], c['line'])}  {c['claim']}: "
    parts = c.get("parts") or [c]
    if len(parts) == 1:
        return [head + _sentence(c, c, lang), *_details(parts[0], lang)]
    lines = [head + say(f"audit.status_{c['status']}", lang)]
    for p in parts:
        lines.append(f"      {_MARKS[p['status']]} [{p['leaf']}] " + _sentence(c, p, lang))
        lines += _details(p, lang)
    return lines


def _sentence(c: dict[str, Any], p: dict[str, Any], lang: str) -> str:
    names = {"value": c["value"], "claim": c["claim"], "detail": p.get("detail", "")}
    if "kind" not in p:
        return say("audit.undecided", lang) + say(f"audit.because_{p['reason']}", lang, **names)
    names |= {"kind": kind(c, p, lang), "variable": p["variable"]}
    names["score"] = say("audit.score_" + p["via"].rstrip("0123456789"), lang) if p["via"] not in ("", "output") else ""
    if p["status"] == "agrees":
        return say("audit.agrees", lang, points=p["compared"], digits=f"{min(p['digits'], 15):.0f}", **names)
    if p["reason"]:
        lead = say("audit.refuted_as" if p["status"] == "refuted" else "audit.undecided", lang)
        return lead + say(f"audit.because_{p['reason']}", lang, **names)
    if p["factor"] is not None:
        return say("audit.refuted_factor", lang, factor=p["factor_name"], **names)
    return say("audit.refuted", lang, wrong=p["wrong"], points=p["compared"], **names)


def kind(c: dict[str, Any], p: dict[str, Any], lang: str) -> str:
    base, _, size = p["kind"].partition("/")
    order = "_2" if c["order"] == 2 and base in ("derivative", "elementwise", "jacobian", "diagonal") else ""
    said = say(f"audit.kind_{base}{order}", lang, value=c["value"], variable=p["variable"], size=size)
    if size:
        said += say("audit.per_sample", lang, size=size)
    return said + (say("audit.of_output", lang, value=c["value"]) if p["via"] == "output" else "")


def _details(p: dict[str, Any], lang: str) -> list[str]:
    if "kind" not in p:
        return []
    lines = []
    if p["worst"] and (p["status"] == "refuted" or p["reason"] in ("close", "clipped", "domain", "guessed", "stored")):
        w = p["worst"]
        where = p["variable"] + ("" if p["kind"] == "derivative" else f"[{w['index']}]")
        numbers = {k: _number(w[k]) for k in ("x", "claimed", "true")}
        lines.append(say("audit.worst", lang, where=where, **numbers))
    if p.get("cause"):
        details = dict.fromkeys(("size", "inner", "n"), "") | p["details"]
        if p["cause"] not in ("factor", "sign"):  # those the headline has said
            lines.append(say("check.cause", lang, cause=say(f"check.cause_{p['cause']}", lang, **details)))
        why = [say(f"check.likely_{name}", lang, **details) for name in p["likely"]]
        lines += [say("check.likely", lang, why=say("check.or", lang).join(why))] if why else []
    if p["kinks"]:
        lines.append(say("audit.kinks", lang, count=p["kinks"]))
    if p["unstable"]:
        w = p["unstable_point"]
        numbers = {k: _number(w[k]) for k in ("x", "claimed")}
        why = say(f"audit.why_{w['why']}", lang)
        lines.append(say("audit.unstable", lang, count=p["unstable"], why=why, variable=p["variable"], **numbers))
    return ["      " + line for line in lines]


def _number(x: Any) -> str:
    return f"{float(x):.6g}"


def _place(file: str | None, line: int | None) -> str:
    """file:line as seen from the current folder."""
    path = Path(file or "?")
    return f"{path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}:{line}"
