"""Steering nodes pass values on."""

from ... import ops as P

rules = {
    P.identity: lambda x: x,
    P.stop_gradient: lambda x: x,
    P.item: lambda t, *, index: t[index],
    P.custom: lambda *xs, fn: fn(*xs),
}
