"""Rewriting a graph keeps every bit of its values, and takes out what the rule is there for."""

import numpy as np
import pytest

import cauchy
from cauchy.rewrite import EXACT, rewrite

F, G, S = np.array([-0.0, np.nan, -np.inf, 2.5]), np.array([1.0, -0.0, np.nan, -3.0]), np.float32([1, -0.0, np.inf, 7])
YES, N = np.array([True, False, True, False]), np.arange(4)

# program, arguments, how many `where` stay
CHOICES = {
    "inner first": (lambda c, a, b: np.where(c, np.where(c, a, b), 0.0), (YES, F, G), 1),
    "inner last": (lambda c, a, b: np.where(c, a, np.where(c, b, a + 1.0)), (YES, F, G), 1),
    "both": (lambda c, a, b: np.where(c, np.where(c, a, 1.0), np.where(c, 2.0, b)), (YES, F, G), 1),
    "thrice": (lambda c, a, b: np.where(c, np.where(c, np.where(c, a, 0.0), 0.0), b), (YES, F, G), 1),
    "a number as condition": (lambda c, a, b: np.where(c, np.where(c, a, b), 1.0), (F, F, G), 1),
    "backward pass": (
        lambda c, a, b: cauchy.vjp(lambda x: np.where(c, x, 0.0), a)[1](np.where(c, b, 0.0))[0],
        (YES, F, G),
        1,
    ),
    "broadcast condition": (lambda c, a, b: np.where(c[:, None], np.where(c[:, None], a, b), b), (YES, F, G), 1),
    "other condition": (lambda c, a, b: np.where(c, np.where(~c, a, b), 0.0), (YES, F, G), 2),
    "other side": (lambda c, a, b: np.where(c, b, np.where(~c, a, 0.0)), (YES, F, G), 2),
    "the shape comes from what was left out": (
        lambda c, a, b: np.where(c, np.where(c, a, b), 0.0),
        (YES[:1], 2.0, G),
        2,
    ),
    "the dtype comes from what was left out": (lambda c, a, b: np.where(c, np.where(c, a, b), a), (YES, S, G), 2),
    "narrow kinds": (lambda c, a, b: np.where(c, np.where(c, a, b), a), (YES, S, S + S), 1),
    "integers": (lambda c, a, b: np.where(c, np.where(c, a, 3), b), (YES, N, -N), 1),
    "only numbers": (lambda c, a, b: np.where(c, np.where(c, 1.0, a), 2.0), (YES, F, G), 2),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_condition_chooses_once(name):
    program, args, stay = CHOICES[name]
    graph = cauchy.trace(program, *args)
    after = rewrite(graph, *EXACT)
    with np.errstate(all="ignore"):
        before, now = (np.asarray(g.run(*args)) for g in (graph, after))
    assert (now.dtype, now.shape, now.tobytes()) == (before.dtype, before.shape, before.tobytes())
    assert sum(n.prim.name == "where" for n in after.nodes) == stay
    compiled = np.asarray(cauchy.compile(program)(*args))
    assert (compiled.dtype, compiled.shape) == (before.dtype, before.shape)
    assert np.array_equal(compiled, before, equal_nan=True)
