"""How a run ended, each with its sentence in the catalog (`optimize.status_...`)."""

from __future__ import annotations

import enum


class Status(enum.IntEnum):
    """0 is SciPy's success; RUNNING never leaves a run."""

    RUNNING = -1
    CONVERGED = 0
    LIMIT = 1  # the limit of iterations
    STALLED = 2  # no step changes x or lowers f in float64
    NOT_FINITE = 3  # f or its gradient is NaN or infinite at the start
    DIVERGED = 4  # the iterates left every bound
    CONTRADICTED = 5  # the gradient given by hand is not that of f
    SINGULAR = 6  # the matrix of the Newton step has no inverse
    UNBOUNDED = 7  # f falls without end
    INFEASIBLE = 8  # no point satisfies the constraints, as far as the solver can see
    INTERRUPTED = 9  # Ctrl-C
    STOPPED = 10  # the callback asked for it
