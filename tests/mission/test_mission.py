"""The acceptance statements by id: each is computed by the library itself, and comes out as claimed."""

import tomllib
from importlib import resources

import pytest

from cauchy.messages import say
from cauchy.tour import STATEMENTS, Outcome, Report

IDS = [f"S{n:02d}" for n in range(1, 136)]
NOT_YET = {"S60", "S62", "S63", "S65", "S74"}
# where the source is wrong; everything else is proved or agrees
REFUTED = {
    *(
        "S05",
        "S06",
        "S12",
        "S13",
        "S23",
        "S34",
        "S36",
        "S41",
        "S48",
        "S50",
        "S55",
        "S59",
        "S68",
        "S69",
        "S71",
        "S72",
        "S99",
    ),
    *("S106", "S115", "S118", "S119", "S121", "S123", "S124", "S125", "S128", "S130", "S133"),
}


def test_every_id_has_a_statement():
    assert sorted(STATEMENTS) == sorted(IDS)


def test_every_id_has_a_claim_in_both_languages():
    room = tomllib.loads((resources.files("cauchy.messages") / "inventory.toml").read_text("utf-8"))
    assert sorted(room) == sorted(IDS)
    for id in IDS:
        english, chinese = say(f"inventory.{id}", "en"), say(f"inventory.{id}", "zh")
        assert 20 <= len(english) <= 110
        assert english.isprintable()
        assert any("\u4e00" <= c <= "\u9fff" for c in chinese)
        assert not any("\u4e00" <= c <= "\u9fff" for c in english)


def test_only_these_wait():
    assert {id for id, s in STATEMENTS.items() if s.compute is None} == NOT_YET


@pytest.mark.parametrize("id", [id for id in IDS if id not in NOT_YET])
def test_statement(id):
    compute = STATEMENTS[id].compute
    assert compute is not None
    report = Report("zh" if int(id[1:]) % 2 else "en")
    outcome = compute(report) or Outcome.AGREES
    assert report.computed
    if id in REFUTED:
        assert outcome is Outcome.REFUTED
        assert report.why
    else:
        assert outcome in (Outcome.PROVED, Outcome.AGREES)
