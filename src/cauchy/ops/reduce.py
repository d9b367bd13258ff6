"""Reductions and scans along axes. Static parameters: `axis` (int, tuple or None), `keepdims`."""

from ..graph import Primitive


def reduction(name: str) -> Primitive:
    return Primitive(name, "reduce")


sum = reduction("sum")
prod = reduction("prod")
max = reduction("max")
min = reduction("min")
cumsum = reduction("cumsum")
cumprod = reduction("cumprod")
argmax = reduction("argmax")
argmin = reduction("argmin")
argsort = reduction("argsort")
any = reduction("any")
all = reduction("all")
count_nonzero = reduction("count_nonzero")
searchsorted = reduction("searchsorted")
logsumexp = reduction("logsumexp")
softmax = reduction("softmax")
log_softmax = reduction("log_softmax")
