"""Arrangements. Results are fresh arrays or views of immutable values: nobody writes to them."""

import numpy as np

from ... import ops as P

rules = {
    P.reshape: lambda x, *, shape: np.reshape(x, shape),
    P.transpose: lambda x, *, axes: np.transpose(x, axes),
    P.broadcast_to: lambda x, *, shape: np.broadcast_to(x, shape),
    P.concatenate: lambda *xs, axis: np.concatenate(xs, axis=axis),
}
