"""Nodes that steer the readings rather than compute."""

from ..graph import Primitive


def control(name: str) -> Primitive:
    return Primitive(name, "control")


identity = control("identity")  # a fresh name for a value: what a derivative is taken with respect to
stop_gradient = control("stop_gradient")
item = control("item")  # (tuple; index): one output of a primitive with several
custom = control("custom")  # fn: a function with a derivative of the user's own
