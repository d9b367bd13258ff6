"""No hole in the grid: every primitive has, in every reading, a rule or a refusal that says why."""

from collections.abc import Callable

import pytest

from cauchy import ops as P
from cauchy.graph import Primitive, Rules
from cauchy.read.batch import batch
from cauchy.read.derive import linearize, partials
from cauchy.read.notation import formula, symbolic
from cauchy.read.pattern import rules as pattern
from cauchy.read.value import value

READINGS: list[tuple[str, tuple[Rules, ...]]] = [
    ("value", (value,)),
    ("derive", (partials, linearize)),
    ("batch", (batch,)),
    ("pattern", (pattern,)),
    ("notation", (formula,)),
    ("symbolic", (symbolic,)),
]
REASON = 10  # signs that a reason has at least


def filled(tables: tuple[Rules, ...]) -> Callable[[Primitive], bool]:
    return lambda p: any(p in t or len(t.refused.get(p, "")) > REASON for t in tables)


@pytest.mark.parametrize(("name", "tables"), READINGS, ids=[name for name, _ in READINGS])
def test_every_primitive_has_a_rule_or_a_reason(name: str, tables: tuple[Rules, ...]) -> None:
    has = filled(tables)
    assert [p.name for p in P.ALL if not has(p)] == [], f"holes in cauchy/read/{name}"


@pytest.mark.parametrize(("name", "tables"), READINGS, ids=[name for name, _ in READINGS])
def test_tables_speak_of_primitives_once(name: str, tables: tuple[Rules, ...]) -> None:
    spoken = [p for t in tables for p in (*t, *t.refused)]
    assert len(spoken) == len(set(spoken)), "a rule and a refusal, or two rules, for one primitive"
    assert {p.name for p in spoken} <= {p.name for p in P.ALL}


def test_elementwise_rules_have_a_partial_for_each_argument() -> None:
    short = [p.name for p in P.ALL if p.domain and p in partials and len(partials[p]) < len(p.domain)]
    assert short == []


def test_names_are_unique_and_a_hole_is_seen() -> None:
    assert len({p.name for p in P.ALL}) == len(P.ALL)
    assert not filled((value,))(Primitive("made_up", "elementary"))
