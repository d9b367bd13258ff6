"""The tour as one self-contained HTML page: no script, no font, no image from elsewhere."""

from __future__ import annotations

import html
import re
import time
from collections.abc import Mapping
from pathlib import Path

from .. import messages
from .statement import Outcome, Report

# the first statement of each chapter
CHAPTERS = ("S01", "S08", "S16", "S26", "S30", "S47", "S51", "S60", "S75", "S94", "S108", "S124")

STYLE = """
:root { color-scheme:light dark; --ink:#1b1e24; --soft:#5c6470; --line:#e2e5eb; --paper:#fff; --card:#fff;
  --tint:#f6f7f9;
  --proved:#17693f; --agrees:#2563ab; --refuted:#b3372b; --not_yet:#8a919d; --failed:#c2006b; }
@media (prefers-color-scheme: dark) { :root { --ink:#e6e8ee; --soft:#9ba3b1; --line:#2e343f; --paper:#121419;
  --card:#181b22; --tint:#1f232b; --proved:#58c58c; --agrees:#7fb0f0; --refuted:#f08d80; --not_yet:#7c8492;
  --failed:#ff6ab6; } }
* { box-sizing:border-box; }
html { scroll-behavior:smooth; }
body { margin:0; background:var(--paper); color:var(--ink);



ont:16px/1.6 system-ui, -apple-system, "Segoe UI", "Noto Sans CJK SC", "PingFang SC", "Microsoft YaHei", sans-serif; }
main, header { max-width:56rem; margin:0 auto; padding:0 1.25rem; }
header { padding-top:3.5rem; }
h1 { font:600 2.6rem/1.15 Georgia, "Noto Serif CJK SC", "Songti SC", serif; margin:0 0 .6rem; }
.lead { color:var(--soft); font-size:1.1rem; margin:0; max-width:42rem; } .when { color:var(--soft);
  font-size:.85rem; }
.counts { display:flex; flex-wrap:wrap; gap:.4rem 1.6rem; margin:1.8rem 0 .8rem; }
.counts label { display:flex; align-items:baseline; gap:.45rem; cursor:pointer; }
.counts input { align-self:center; margin:0; accent-color:currentcolor; }
.counts b { font:600 1.7rem/1 Georgia, serif; font-variant-numeric:tabular-nums; }
.bar { display:flex; gap:2px; height:.45rem; border-radius:1rem; overflow:hidden; margin:0 0 2rem; }
.bar i { background:currentcolor; }
nav { display:grid; grid-template-columns:repeat(auto-fill,minmax(16rem,1fr)); gap:1rem 2rem; padding:1.4rem 0 0;
  border-top:1px solid var(--line); }
nav a { color:inherit; text-decoration:none; } nav a:hover { text-decoration:underline; }
nav .cells { display:flex; flex-wrap:wrap; gap:3px; margin-top:.35rem; }
nav .cells a { width:.95rem; height:.95rem; border-radius:.2rem; background:currentcolor; opacity:.9; }
nav .cells a:hover { opacity:.6; }
nav .cells a.not_yet { background:none; border:1.5px solid; }
section > h2 { font:600 1.55rem/1.3 Georgia, "Noto Serif CJK SC", "Songti SC", serif; margin:3.5rem 0 .6rem;
  padding-top:.5rem; }
article { border-top:1px solid var(--line); padding:1.1rem 0 1.2rem; scroll-margin-top:.5rem; }
article:target { background:var(--tint); box-shadow:0 0 0 .8rem var(--tint); }
h3 { display:flex; gap:.8rem; align-items:baseline; font-size:1.05rem; font-weight:600; line-height:1.45; margin:0; }
h3 a { color:var(--soft); font:500 .8rem ui-monospace, Menlo, Consolas, monospace; text-decoration:none; flex:none;
  width:2.2rem; }
h3 span.claim { flex:1; overflow-wrap:anywhere; min-width:0; }
.badge { flex:none; font-size:.76rem; font-weight:600; padding:.1rem .6rem; border:1px solid currentcolor;
  border-radius:1rem; white-space:nowrap; }
.proved { color:var(--proved); } .agrees { color:var(--agrees); } .refuted { color:var(--refuted); }
.not_yet { color:var(--not_yet); } .failed { color:var(--failed); }
.body { padding-left:3rem; }
.why { margin:.5rem 0 0; padding-left:.8rem; border-left:3px solid var(--line); }
.is-refuted .why { border-color:var(--refuted); }
.why { white-space:pre-line; }
dl { margin:.6rem 0 0; font-size:.9rem; } dl div { display:grid; grid-template-columns:2fr 3fr; gap:0 1.2rem;
  padding:.08rem 0; }
dt { color:var(--soft); overflow-wrap:anywhere; }
dd { margin:0; font-family:ui-monospace, Menlo, Consolas, monospace; font-size:.85rem; line-height:1.7;
  overflow-wrap:anywhere;
  font-variant-numeric:tabular-nums; }
dl .held dd { color:var(--proved); } sup { line-height:0; font-size:.75em; }
figure { margin:1rem 0 0; } figure svg { display:block; max-width:100%; height:auto; border-radius:.4rem; }
figure.chart svg { background:#fff; padding:.5rem; border:1px solid var(--line); }
footer { max-width:56rem; margin:3rem auto 0; padding:1rem 1.25rem 3rem; color:var(--soft); font-size:.85rem; }
@media (max-width:40rem) { header { padding-top:1.8rem; } h1 { font-size:2rem; } .body { padding-left:0; }
  h3 { flex-wrap:wrap; gap:.2rem .6rem; } h3 span.claim { flex-basis:100%; order:3; } h3 .badge { margin-left:auto; }
  dl div { display:block; padding:.2rem 0; } dl .held { display:flex; flex-direction:row-reverse;
  justify-content:flex-end; gap:.5rem; } }
@media print { nav, .counts input { display:none; } article { break-inside:avoid; } }
"""


def write_page(path: Path, reports: Mapping[str, Report], lang: str, seconds: float) -> None:
    """Write the page; the counts at its head filter it without any script."""
    say = lambda key, **fields: html.escape(messages.say(key, lang, **fields))
    counts = {o: sum(r.outcome is o for r in reports.values()) for o in Outcome}
    present = [o for o in Outcome if counts[o]]
    filters = "".join(
        f'<label class="{o.value}"><input type="checkbox" id="f-{o.value}" checked>'
        f"<b>{counts[o]}</b> {say(f'tour.{o.value}')}</label>"
        for o in present
    )
    bar = "".join(f'<i class="{o.value}" style="flex:{counts[o]}"></i>' for o in present)
    hide = "".join(f"body:has(#f-{o.value}:not(:checked)) article.is-{o.value}{{display:none}}" for o in present)
    made = say("tour.made", when=time.strftime("%Y-%m-%d %H:%M"), seconds=f"{seconds:.1f}")
    contents, sections = "", ""
    for chapter, ids in chapters(list(reports)).items():
        name = say(f"tour.chapter_{chapter}")
        cells = "".join(
            f'<a class="{reports[id].outcome.value}" href="#{id}" title="{id} {say(f"inventory.{id}")}"></a>'
            for id in ids
        )
        contents += f'<div><a href="#from-{chapter}">{name}</a><div class="cells">{cells}</div></div>'
        articles = "".join(
            _article(id, reports[id], say(f"inventory.{id}"), say(f"tour.{reports[id].outcome.value}")) for id in ids
        )
        sections += f'<section id="from-{chapter}"><h2>{name}</h2>{articles}</section>'
    page = (
        f'<!doctype html>\n<html lang="{"zh-CN" if lang == "zh" else "en"}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{say("tour.title")}</title>'
        f"<style>{STYLE}{hide}</style></head><body><header><h1>{say('tour.title')}</h1>"
        f'<p class="lead">{say("tour.lead")}</p><div class="counts">{filters}</div><div class="bar">{bar}</div>'
        f"<nav>{contents}</nav></header><main>{sections}</main>"
        f"<footer>{made}</footer></body></html>\n"
    )
    path.write_text(page, "utf-8")


def chapters(ids: list[str]) -> dict[str, list[str]]:
    """The ids by chapter; a chapter is named by its first statement."""
    order = lambda id: int(id[1:])
    found: dict[str, list[str]] = {}
    for id in ids:
        found.setdefault(max((c for c in CHAPTERS if order(c) <= order(id)), key=order), []).append(id)
    return found


def _article(id: str, report: Report, claim: str, verdict: str) -> str:
    outcome = report.outcome.value
    why = f'<p class="why">{html.escape(report.why)}</p>' if report.why else ""
    rows = "".join(
        f'<div class="{"held" if value == "✓" else "found"}"><dt>{html.escape(what)}</dt>'
        f"<dd>{number(html.escape(value))}</dd></div>"
        for what, value in report.computed
    )
    rows = f"<dl>{rows}</dl>" if rows else ""
    figures = "".join(
        f'<figure class="{"graph" if "cauchy-graph" in svg[:200] else "chart"}">{own_ids(svg, f"{id}-{k}-")}</figure>'
        for k, svg in enumerate(report.figures)
    )
    body = f'<div class="body">{why}{rows}{figures}</div>' if why or rows or figures else ""
    return (
        f'<article id="{id}" class="is-{outcome}"><h3><a href="#{id}">{id}</a><span class="claim">{claim}</span>'
        f'<span class="badge {outcome}">{verdict}</span></h3>{body}</article>'
    )


def number(text: str) -> str:
    """1e-05 as 1 × 10⁻⁵, in HTML."""
    power = lambda m: f"{m[1]} × 10<sup>{'−' if m[2] == '-' else ''}{m[3]}</sup>"
    return re.sub(r"(?<![\w.])(\d+(?:\.\d+)?)e([+-]?)0*(\d+)(?![\w.])", power, text)


def own_ids(svg: str, prefix: str) -> str:
    """Several figures stand in one page, so the names inside each get a prefix of their own."""
    svg = re.sub(r'(?<=\sid=")', prefix, svg)
    return re.sub(r'(?<=href="#)|(?<=url\(#)', prefix, svg)
