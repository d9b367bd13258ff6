"""The readings: each gives the nodes of a graph a meaning, by a table of rules."""
