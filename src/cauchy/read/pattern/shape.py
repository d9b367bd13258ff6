"""Arrangements move entries."""

from .vocabulary import P, move, rules

for p in (P.reshape, P.transpose, P.broadcast_to, P.concatenate):
    rules[p] = move
