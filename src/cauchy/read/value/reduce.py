"""Reductions and scans of NumPy, soft ones of SciPy."""

import numpy as np
from scipy import special

from ... import ops as P

rules = {
    P.sum: lambda x, *, axis, keepdims: np.sum(x, axis=axis, keepdims=keepdims),
    P.prod: lambda x, *, axis, keepdims: np.prod(x, axis=axis, keepdims=keepdims),
    P.max: lambda x, *, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims),
    P.min: lambda x, *, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims),
    P.any: lambda x, *, axis, keepdims: np.any(x, axis=axis, keepdims=keepdims),
    P.all: lambda x, *, axis, keepdims: np.all(x, axis=axis, keepdims=keepdims),
    P.count_nonzero: lambda x, *, axis, keepdims: np.count_nonzero(x, axis=axis, keepdims=keepdims),
    P.argmax: lambda x, *, axis, keepdims: np.argmax(x, axis=axis, keepdims=keepdims),
    P.argmin: lambda x, *, axis, keepdims: np.argmin(x, axis=axis, keepdims=keepdims),
    P.cumsum: lambda x, *, axis: np.cumsum(x, axis=axis),
    P.cumprod: lambda x, *, axis: np.cumprod(x, axis=axis),
    P.argsort: lambda x, *, axis, kind: np.argsort(x, axis=axis, kind=kind),
    P.searchsorted: lambda a, v, *, side: np.searchsorted(a, v, side=side),
    P.logsumexp: lambda x, *, axis, keepdims: special.logsumexp(x, axis=axis, keepdims=keepdims),
    P.softmax: lambda x, *, axis: special.softmax(x, axis=axis),
    P.log_softmax: lambda x, *, axis: special.log_softmax(x, axis=axis),
}
