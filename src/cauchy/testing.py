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
    >>> try:
    ...     assert_derivative(np.cos, np.sin, at=0.5)
    ... except AssertionError as wrong:
    ...     print(wrong)
    REFUTED: `sin` is not the derivative of `cos`.
      at x = 0.5: claimed 0.4794255386, derivative -0.4794255386 (error about ...)
      cause: the sign is wrong: it is -1 x the derivative
    """
    options: dict[str, Any] = {"region": region, "argnums": argnums, "kind": kind, "samples": samples, "seed": seed}
    result = check(f, claim, at=at, seconds=0.0, **options)
    if result.verdict is Verdict.REFUTED:
        raise AssertionError(result.text("en"))
    if not allow_undecided and (result.agreed == 0 or (digits and (result.digits or 0.0) < digits)):
        raise AssertionError(result.text("en"))
    return result
