"""Nodes that steer the readings rather than compute."""

from ..graph import Primitive


def control(name: str, outputs: int = 1) -> Primitive:
    return Primitive(name, "control", outputs=outputs)


identity = control("identity")  # a fresh name for a value: what a derivative is taken with respect to
stop_gradient = control("stop_gradient")
item = control("item")  # (tuple; index): one output of a primitive with several
custom = control("custom")  # fn: a function with a derivative of the user's own

# Rolled control flow: static parameters hold graphs with inputs of their own, which contain no captured
# array (what a body captured is an argument). The value is always a tuple, of len(node.shape) parts.
#
# scan (*consts, *carry, *xs; body, consts, carry, length, reverse): xs have a leading axis of `length`.
#   body(*consts, *carry, *x) -> (*carry, *y) runs `length` times; the value is (*last carry, *ys), ys stacked along
#   a leading axis. `consts` and `carry` count arguments. reverse: from the last entry of xs to the first.
# cond (pred, *operands; on_true, on_false): both graphs take all operands and give outputs of the same kinds.
# while_loop (*test_consts, *body_consts, *state; test, body, test_consts, body_consts):
#   while test(*test_consts, *state): state = body(*body_consts, *state). `test_consts`, `body_consts` count arguments.
scan = control("scan", outputs=2)
cond = control("cond", outputs=2)
while_loop = control("while_loop", outputs=2)
