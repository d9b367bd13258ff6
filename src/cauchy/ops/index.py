"""Reading and writing parts of an array.

The static parameter `key` is a NumPy index in which each integer array is replaced by the marker
`ARRAY`; the arrays themselves are arguments, in order, so that they may be computed.
"""

from ..graph import Primitive

ARRAY = "array"


def indexing(name: str) -> Primitive:
    return Primitive(name, "index")


getitem = indexing("getitem")  # (x, *arrays; key)
setitem = indexing("setitem")  # (x, v, *arrays; key): x with x[key] = v, as a new array
scatter_add = indexing("scatter_add")  # (v, *arrays; key, shape): zeros(shape) with v added at key
add_at = indexing("add_at")  # (x, v, *arrays; key): x with v added at key, once for each repetition
take_along_axis = indexing("take_along_axis")  # (x, indices; axis)
scatter_along_axis = indexing("scatter_along_axis")  # (v, indices; axis, shape): its transpose
