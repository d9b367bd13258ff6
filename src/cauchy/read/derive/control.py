"""Steering nodes. `item` and `custom` are read by the passes themselves."""

from .vocabulary import ZERO, P, partials

partials[P.identity] = (lambda y, x: 1.0,)
partials[P.stop_gradient] = (ZERO,)
partials[P.item] = partials[P.custom] = ()
