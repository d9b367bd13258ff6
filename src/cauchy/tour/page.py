"""The tour as one self-contained HTML page: no script fetched, no font, no image from elsewhere."""

from __future__ import annotations

import html
import time
from collections.abc import Mapping
from pathlib import Path

from .. import messages
from .statement import Outcome, Report

STYLE = """
:root { --ink:#1a1c20; --soft:#5b6270; --line:#dfe3ea; --paper:#fff; --card:#f7f8fb;
  --good:#1f7a4d; --bad:#b3261e; --wait:#6b7280; --accent:#2b59c3; }
@media (prefers-color-scheme: dark) { :root { --ink:#e8eaf0; --soft:#9aa3b2; --line:#333a46; --paper:#14161a;
  --card:#1c2027; --good:#5fcf97; --bad:#ff8a80; --wait:#9aa3b2; --accent:#8fb2ff; } }
* { box-sizing:border-box; }
body { margin:0 auto; max-width:60rem; padding:1.5rem 1rem 4rem; background:var(--paper); color:var(--ink);
  font:16px/1.55 system-ui, "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
h1 { font-size:1.9rem; margin:.2rem 0; } .lead { color:var(--soft); }
.counts { display:flex; flex-wrap:wrap; gap:.5rem; margin:1rem 0 1.5rem; }
.counts label { padding:.25rem .7rem; border:1px solid var(--line); border-radius:99px; cursor:pointer; }
.counts input { accent-color:var(--accent); }
article { border:1px solid var(--line); border-radius:.6rem; background:var(--card); padding:.8rem 1rem; margin:.8rem 0; }
article h2 { font-size:1.05rem; margin:0 0 .3rem; } article h2 a { color:var(--soft); text-decoration:none; margin-right:.5rem; }
.verdict { font-weight:600; } .proved,.agrees { color:var(--good); } .refuted,.failed { color:var(--bad); } .not_yet { color:var(--wait); }
table { border-collapse:collapse; width:100%; font-size:.92rem; table-layout:fixed; }
td { padding:.15rem .5rem .15rem 0; vertical-align:top; border-top:1px solid var(--line); overflow-wrap:anywhere; }
td:first-child { color:var(--soft); width:42%; } td:last-child { font-family:ui-monospace, Menlo, Consolas, monospace; }
figure { margin:.8rem 0 0; overflow-x:auto; } figure svg { max-width:100%; height:auto; background:#fff; border-radius:.4rem; }
p.why { margin:.4rem 0 0; }
@media (max-width:30rem) { td:first-child { width:38%; } body { padding:1rem .7rem 3rem; } }
"""


def write_page(path: Path, reports: Mapping[str, Report], lang: str, seconds: float) -> None:
    """Write the page; the counts at its head filter it without any script."""
    say = lambda key, **fields: html.escape(messages.say(key, lang, **fields))
    present = [o for o in Outcome if any(r.outcome is o for r in reports.values())]
    filters = "".join(
        f"<label><input type=checkbox id=f-{o.value} checked> <span class={o.value}>{say(f'tour.{o.value}')}</span> "
        f"{sum(r.outcome is o for r in reports.values())}</label>"
        for o in present
    )
    hide = "".join(f"body:has(#f-{o.value}:not(:checked)) article.is-{o.value}{{display:none}}" for o in present)
    body = "".join(_article(id, r, say(f"inventory.{id}"), say(f"tour.{r.outcome.value}")) for id, r in reports.items())
    page = (
        f'<!doctype html><html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{say("tour.title")}</title>'
        f"<style>{STYLE}{hide}</style></head><body><h1>{say('tour.title')}</h1>"
        f'<p class=lead>{say("tour.lead")} {time.strftime("%Y-%m-%d %H:%M")}, {seconds:.1f} s</p>'
        f"<div class=counts>{filters}</div>{body}</body></html>"
    )
    path.write_text(page, "utf-8")


def _article(id: str, report: Report, title: str, verdict: str) -> str:
    outcome = report.outcome.value
    rows = "".join(f"<tr><td>{html.escape(a)}</td><td>{html.escape(b)}</td></tr>" for a, b in report.computed)
    table = f"<table>{rows}</table>" if rows else ""
    why = f"<p class=why>{html.escape(report.why)}</p>" if report.why else ""
    figures = "".join(f"<figure>{svg}</figure>" for svg in report.figures)
    return (
        f"<article id={id} class=is-{outcome}><h2><a href=#{id}>{id}</a>{title} "
        f"<span class='verdict {outcome}'>{verdict}</span></h2>{why}{table}{figures}</article>"
    )
