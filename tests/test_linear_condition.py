"""Condition numbers: enclosures against closed forms and mpmath; singular matrices with their vector."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from scipy import linalg as sl
from scipy import sparse

from cauchy import figure
from cauchy.errors import DomainError, ShapeError
from cauchy.linear import condition
from cauchy.proof import Verdict

HILBERT_10 = 1.60262868702168828e13  # of the fractions 1/(i + j + 1)


def truth(a):
    """Of the 2-norm, at 80 digits: an interval that allows for their rounding."""
    with mpmath.workdps(80):
        s = mpmath.svd_r(mpmath.matrix(np.asarray(a, dtype=float).tolist()), compute_uv=False)
        ratio, slack = max(s) / min(s), mpmath.mpf(10) ** -50
        return ratio * (1 - slack), ratio * (1 + slack)


def fractions(n):
    return [[Fraction(1, i + j + 1) for j in range(n)] for i in range(n)]


MATRICES = {
    "near singular": np.array([[1.0, 1.0], [1.0, 1.0001]]),
    "identity": np.eye(4),
    "equal singular values": np.diag([2.0, 2.0, 1.0, 1.0]),
    "hilbert 6": sl.hilbert(6),
    "hilbert 10": sl.hilbert(10),
    "random": np.random.default_rng(0).normal(size=(12, 12)),
    "large numbers": np.array([[1e308, 1e308], [1e308, -1e308]]),
    "small numbers": sl.hilbert(4) * 1e-300,
}
RECTANGULAR = {
    "tall": np.random.default_rng(1).normal(size=(9, 4)),
    "wide": np.random.default_rng(2).normal(size=(3, 7)) * np.geomspace(1, 1e-3, 7),
}


@pytest.mark.parametrize("name", MATRICES | RECTANGULAR)
@pytest.mark.parametrize("proof", ["auto", "exact"])
def test_the_enclosure_holds(name, proof):
    a = (MATRICES | RECTANGULAR)[name]
    c, (low, high) = condition(a, norm=2, proof=proof), truth(a)
    assert c.verdict is Verdict.PROVED
    assert c.lower <= high
    assert low <= c.upper
    assert abs(c.value - low) <= 4e-15 * low
    if proof == "exact":
        assert c.upper <= np.nextafter(np.nextafter(c.lower, np.inf), np.inf)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("norm", [1, "inf"])
@pytest.mark.parametrize("proof", ["auto", "exact"])
def test_other_norms(name, norm, proof):
    a = MATRICES[name]
    c = condition(a, norm=norm, proof=proof)
    with mpmath.workdps(80):
        m = mpmath.matrix(a.tolist() if norm == 1 else a.T.tolist())
        exact = mpmath.mnorm(m, 1) * mpmath.mnorm(m**-1, 1)
    assert c.verdict is Verdict.PROVED
    assert c.lower <= exact <= c.upper
    assert abs(c.value - exact) <= 1e-2 * exact


def test_hilbert():
    """The fractions' own condition number; the doubles nearest to them have another."""
    assert condition(fractions(10), proof="exact").value == pytest.approx(HILBERT_10, rel=2e-16)
    doubles = condition(sl.hilbert(10))
    assert abs(doubles.value / HILBERT_10 - 1) == pytest.approx(9e-5, rel=0.1)
    assert doubles.lower <= doubles.value <= doubles.upper
    assert doubles.digits_lost == pytest.approx(13.2, abs=0.01)


def test_singular_to_working_precision_is_said():
    c = condition(sl.hilbert(13))
    assert c.verdict is Verdict.UNDECIDED
    assert math.isinf(c.upper)
    assert 1e13 < c.lower <= truth(sl.hilbert(13))[1]
    assert "not bounded" in c.text("en")


@pytest.mark.parametrize(
    "a", [[[1, 2], [2, 4]], np.ones((4, 3)), np.zeros((2, 2)), np.diag([0.0, 1.1]), [[0.1, 0.2], [0.2, 0.4]]]
)
@pytest.mark.parametrize("proof", ["auto", "exact"])
def test_singular_matrices_have_a_vector(a, proof):
    norms = (2, 1) if np.shape(a)[0] == np.shape(a)[1] else (2,)
    for norm in norms:
        c = condition(a, norm=norm, proof=proof)
        assert c.verdict is Verdict.PROVED
        assert math.isinf(c.value)
        assert c.witness is not None
        assert c.witness.any()
        assert not (np.asarray(a, dtype=float) @ c.witness).any()
        assert "singular" in c.text("en")


def test_what_scaling_loses_is_not_called_singular():
    c = condition([[1e200, 0.0], [0.0, 1e-200]])
    assert math.isinf(c.value)
    assert c.verdict is Verdict.UNDECIDED
    exact = condition([[1e200, 0.0], [0.0, 1e-200]], proof="exact")
    assert exact.lower > 1e308
    assert exact.witness is None


def test_large_matrices_are_estimated():
    a = np.random.default_rng(0).normal(size=(510, 510))
    c = condition(a)
    assert c.verdict is Verdict.UNDECIDED
    assert c.norm == 1
    exact = np.linalg.cond(a, 1)
    assert exact / 3 < c.value < exact * (1 + 1e-9)
    n = 2000
    t = sparse.diags_array([-np.ones(n - 1), 2 * np.ones(n), -np.ones(n - 1)], offsets=[-1, 0, 1])  # pyright: ignore[reportArgumentType]
    assert condition(t).value == pytest.approx(4 * (n / 2) * (n / 2 + 1) / 2, rel=1e-6)
    assert math.isinf(condition(sparse.diags_array(np.r_[0.0, np.ones(600)])).value)


@pytest.mark.parametrize(
    ("a", "options", "kind"),
    [
        ([[1.0, math.nan]], {}, DomainError),
        ([[]], {}, ShapeError),
        ([1.0], {}, ShapeError),
        ([["a"]], {}, ShapeError),
        ([["a"]], {"proof": "exact"}, DomainError),
        ([[1.0, 2.0]], {"norm": 1}, ShapeError),
        ([[1.0]], {"norm": 3}, DomainError),
        ([[1.0]], {"norm": "fro"}, DomainError),
        ([[1.0]], {"proof": "x"}, DomainError),
        (sparse.eye_array(600), {"norm": 2}, DomainError),
        (sparse.csr_array((3, 700)), {}, ShapeError),
    ],
)
def test_unfit_data_are_refused(a, options, kind):
    with pytest.raises(kind):
        condition(a, **options)


def test_reports_and_pictures():
    c = condition(sl.hilbert(8))
    for lang in ("en", "zh"):
        assert figure.svg(c.plot(lang=lang)).startswith("<svg")
    assert "已证明" in c.text("zh")
    with pytest.raises(DomainError, match="plot"):
        condition(np.eye(3), norm=1).plot()
