"""`cauchy tour`: the page, the terminal, the exit codes."""

import re
import unicodedata
from html.parser import HTMLParser

import matplotlib
import numpy as np
import pytest

from cauchy import tour
from cauchy.errors import DomainError
from cauchy.messages import say
from cauchy.tour import STATEMENTS, Outcome, Report, Statement, told, wrap
from cauchy.tour.page import chapters, number, write_page
from cauchy.tour.statement import Mismatch, later, statement, written

SUBSET = ["S05", "S07", "S15", "S24", "S60", "S82"]
VOID = {"meta", "input", "br", "hr", "img", "link"}


class Page(HTMLParser):
    """Holds a page to be well formed, and collects what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.ids, self.links, self.tags, self.external = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        if tag not in VOID:
            self.open.append(tag)
        self._attributes(attrs)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self._attributes(attrs)

    def _attributes(self, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name in ("href", "xlink:href"):
                self.links.append(value)
            if name in ("src", "href", "xlink:href", "srcset", "action") and not value.startswith(("#", "data:")):
                self.external.append(value)

    def handle_endtag(self, tag):
        assert [tag] == self.open[-1:], f"</{tag}> closes nothing"
        self.open.pop()


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page(lang, tmp_path, capsys):
    path = tmp_path / "page.html"
    assert tour.main([*SUBSET, "--lang", lang, "--output", str(path)]) == 0
    out = capsys.readouterr().out
    text = path.read_text("utf-8")
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert not page.external
    assert "script" not in page.tags
    assert "@import" not in text
    assert not re.search(r"url\((?!['\"]?#)", text)
    assert page.tags.count("figure") == 3
    assert page.tags.count("article") == len(SUBSET)
    assert f'lang="{"zh-CN" if lang == "zh" else "en"}"' in text
    for id in SUBSET:
        assert id in page.ids
        assert f"inventory.{id}" not in text
        assert id in out
    assert say("tour.refuted", lang) in out
    assert say("tour.not_yet", lang) in text
    assert str(path) in out


def test_a_failing_statement_gives_exit_code_1(monkeypatch, tmp_path, capsys):
    def compute(report):
        report.expect("two", 1 + 1, 3)

    monkeypatch.setitem(STATEMENTS, "S24", Statement("S24", compute))
    path = tmp_path / "page.html"
    assert tour.main(["S18", "S24", "--lang", "en", "--output", str(path)]) == 1
    assert "two: computed 2, claimed 3" in capsys.readouterr().out
    assert "FAILED" in path.read_text("utf-8")


def test_unknown_ids_are_refused(capsys):
    with pytest.raises(SystemExit) as stop:
        tour.main(["S999"])
    assert stop.value.code == 2
    assert "S999" in capsys.readouterr().err


def test_the_progress_bar_goes_to_stderr(capsys):
    tour.run(["S24", "S18"], progress=True)
    captured = capsys.readouterr()
    assert "0/2 S24" in captured.err
    assert "1/2 S18" in captured.err
    assert not captured.out


def test_order_is_that_of_the_chapters():
    assert list(tour.run(["S39", "S101", "S60"])) == ["S39", "S101", "S60"]
    grouped = chapters(sorted(STATEMENTS, key=lambda id: int(id[1:])))
    assert [id for ids in grouped.values() for id in ids] == [f"S{n:02d}" for n in range(1, 136)]
    assert all(ids[0] == chapter for chapter, ids in grouped.items())
    assert all(say(f"tour.chapter_{chapter}", lang) for chapter in grouped for lang in ("en", "zh"))


def columns(text):
    return sum(1 + (unicodedata.east_asian_width(c) in "WF") for c in text)


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_lines_of_the_terminal_fit(width, lang):
    for id in ("S05", "S24", "S38", "S39", "S98"):
        lines = told(id, STATEMENTS[id].run(lang), width).splitlines()
        assert max(map(columns, lines)) <= width
        assert lines[0].split()[1] == id


def test_wrapping_loses_nothing():
    text = "a" * 50 + " 梯度是函数值增加最快的方向，反方向则减小最快。 some words, and 1.2345678901234567e-300"
    for width in (12, 30, 79):
        lines = wrap(text, width, indent=4)
        assert max(map(columns, lines)) <= width
        assert "".join("".join(lines).split()) == "".join(text.split())


def test_a_report_holds_what_it_is_told_to_hold():
    r = Report()
    with pytest.raises(Mismatch):
        r.expect("off by one ulp", np.nextafter(1.0, 2.0), 1.0)
    with pytest.raises(Mismatch):
        r.expect("shape", [1.0], [1.0, 1.0])
    with pytest.raises(Mismatch):
        r.expect("NaN within a tolerance", np.nan, 1.0, atol=1.0)
    with pytest.raises(Mismatch):
        r.holds("nothing", [])
    with pytest.raises(Mismatch):
        r.raises("no error", DomainError, lambda: None)
    assert not r.computed
    r.expect("NaN", np.nan, np.nan)
    r.expect("near", 1.0 + 1e-12, 1.0, rtol=1e-11)
    assert [what for what, _ in r.computed] == ["NaN", "near"]


def test_labels_follow_the_language():
    for lang, want in (("en", "sum"), ("zh", "和")):
        r = Report(lang)
        r.show("sum :: 和", 3)
        r.show("∫x dx", 0.5)
        assert r.computed == [(want, "3"), ("∫x dx", "0.5")]


def test_a_missing_glyph_fails_the_statement():
    for label in ("\U0001f984", "$x^2$ 原函数 \u9f98"):
        with pytest.raises(Mismatch, match="lacks a character"):
            Report().plot(lambda figure, axes, label=label: axes.set_title(label))


def test_without_matplotlib_the_numbers_stand_alone(monkeypatch):
    monkeypatch.setattr("cauchy.figure.available", lambda: False)
    for id in ("S04", "S15", "S21"):
        report = STATEMENTS[id].run("en")
        assert report.outcome is not Outcome.FAILED
        assert not report.figures
        assert report.computed


def test_figures_leave_matplotlib_as_it_was():
    before = dict(matplotlib.rcParams)
    assert STATEMENTS["S20"].run("zh").figures
    assert dict(matplotlib.rcParams) == before


def test_an_id_is_decided_once():
    with pytest.raises(ValueError, match="twice"):
        statement("S01")(lambda r: None)
    with pytest.raises(ValueError, match="twice"):
        later(["S01"])


def test_numbers_are_written_to_the_last_digit():
    assert written(np.array([0.1, 2.0])) == "[0.1, 2.0]"
    assert written(np.float64(1 / 3)) == repr(1 / 3)
    assert written([(1, 2.5)]) == "[(1, 2.5)]"
    assert written(np.arange(9.0)) == "[0.0, 1.0, …, 7.0, 8.0]"
    assert number("1e-05") == "1 × 10<sup>−5</sup>"
    assert number("[-6.1e+128, 2.0]") == "[-6.1 × 10<sup>128</sup>, 2.0]"
    assert number("37dc6b19ccf4f6b3 a1e5") == "37dc6b19ccf4f6b3 a1e5"


def test_texts_are_escaped(tmp_path):
    report = Report(outcome=Outcome.REFUTED, computed=[("a < b", "<b>&")], why="if x < 0 & y > 0")
    write_page(tmp_path / "p.html", {"S01": report}, "en", 0.0)
    text = (tmp_path / "p.html").read_text("utf-8")
    assert "a &lt; b" in text
    assert "&lt;b&gt;&amp;" in text
    assert "x &lt; 0 &amp; y" in text
    Page(text)
