"""Same numbers, other arrangement: every one of these is linear."""

from ..graph import Primitive


def arrangement(name: str) -> Primitive:
    return Primitive(name, "shape")


reshape = arrangement("reshape")  # shape
transpose = arrangement("transpose")  # axes
broadcast_to = arrangement("broadcast_to")  # shape
concatenate = arrangement("concatenate")  # axis; any number of arguments
