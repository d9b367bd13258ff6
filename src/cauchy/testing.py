"""Assertions for a test suite of your own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .calculus.check import Check, check
from .calculus.check.question import Kind
from .proof import Verdict

__all__ = ["assert_derivative"]


def assert_derivative(
    f: Callable[..., Any],
    claim: Callable[..., Any],
    at: Any = None,
    *,
    region: tuple[Any, Any] | None = None,
    argnums: int = 0,
    kind: Kind | None = None,
    samples: int = 8,
    seed: int = 0,
    digits: float = 0.0,
    allow_undecided: bool = False,
) -> Check:
    """Raise `AssertionError`, with the point, both values and the cause, if `claim` is not the derivative of `f`.

    Arguments as of `cauchy.check`; no symbolic proof is tried, so a test takes milliseconds. It passes where the claim
    agrees at some point (to `digits` significant digits, if asked);
    where nothing could be compared it fails, unless `allow_undecided`. Returns the result.

    >>> import numpy as np
    >>> from cauchy.testing import assert_derivative
    >>> assert_derivative(np.sin, np.cos, at=[0.5, 2.0]).agreed
    2
    >>> assert_derivative(lambda w: w @ w, lambda w: w, at=np.array([1.0, 2.0]))
    Traceback (most recent call last):
      ...
    AssertionError: REFUTED: `claim` is not the gradient of `f`.
      at x = [1. 2.], component [0]: claimed 1, derivative 2 (error about ...)
      cause: it is 0.5 x the derivative, everywhere
      likely: ...
    """
    options: dict[str, Any] = {"region": region, "argnums": argnums, "kind": kind, "samples": samples, "seed": seed}
    result = check(f, claim, at=at, seconds=0.0, **options)
    if result.verdict is Verdict.REFUTED:
        raise AssertionError(result.text("en"))
    if not allow_undecided and (result.agreed == 0 or (digits and (result.digits or 0.0) < digits)):
        raise AssertionError(result.text("en"))
    return result
