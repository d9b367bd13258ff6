"""Straight-line code of thousands of lines as functions of a few hundred.

What LLVM needs for a block grows faster than its length. What one piece computes and another reads goes
through scratch memory, where most of it would be spilled to anyway.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .access import aligned

LONGEST = 1500  # lines in one function; shorter ones run up to a tenth faster whole
PIECE = 250

_NAME = re.compile(r"%[\w.]+")
_DEFINED = re.compile(r"  (%v\d+) = ")
_TYPE = r"(<\d+ x \w+>|\w+)"
_VECTOR = re.compile(r"<(\d+) x (\w+)>")
_BYTES = {"double": 8, "float": 4, "i64": 8, "i32": 4, "i16": 2, "i8": 1, "i1": 1, "ptr": 8}


def split(lines: Sequence[str], name: str) -> tuple[list[str], list[str], int]:
    """The same code as calls of functions `name.<k>`: these functions, the lines left, and bytes of `%scratch` used.

    What follows the first label or branch stays as it is.
    """
    end = next((k for k, x in enumerate(lines) if x.startswith("  br ") or x.endswith(":")), len(lines))
    if end <= LONGEST:
        return [], list(lines), 0
    pieces = [lines[k : min(k + PIECE, end)] for k in range(0, end, PIECE)]
    home: dict[str, tuple[int, str]] = {}
    for k, piece in enumerate(pieces):
        home |= {m[1]: (k, line) for line in piece if (m := _DEFINED.match(line))}
    names = [list(dict.fromkeys(x for line in p for x in _NAME.findall(line))) for p in (*pieces, lines[end:])]
    read = [[x for x in found if x in home and home[x][0] != k] for k, found in enumerate(names)]
    place: dict[str, tuple[str, int]] = {}
    size = 0
    for x in dict.fromkeys(x for found in read for x in found):
        t = _type(home[x][1])
        place[x] = t, size
        size += max(_size(t), 8)
    stored: list[list[str]] = [[] for _ in pieces]
    for x in place:
        stored[home[x][0]].append(x)
    functions, calls = [], []
    for k, piece in enumerate(pieces):
        given = list(dict.fromkeys([x for x in names[k] if x not in home] + ["%scratch"]))
        head = ", ".join(f"ptr noalias {x}" for x in given)
        loads = [_moved(x, *place[x], load=True) for x in read[k]]
        stores = [_moved(x, *place[x], load=False) for x in stored[k]]
        code = [f"define internal void @{name}.{k}({head}) noinline nounwind {{", *loads, *piece, *stores]
        functions.append("\n".join([*code, "  ret void", "}"]))
        calls.append(f"  call void @{name}.{k}({', '.join(f'ptr {x}' for x in given)})")
    last = [_moved(x, *place[x], load=True) for x in read[-1]]
    return functions, [*calls, *last, *lines[end:]], aligned(size)


def _moved(x: str, t: str, at: int, load: bool) -> str:
    what = f"{x} = load {t}, ptr {x}.at, align 8" if load else f"store {t} {x}, ptr {x}.at, align 8"
    return f"  {x}.at = getelementptr i8, ptr %scratch, i64 {at}\n  {what}"


def _size(t: str) -> int:
    m = _VECTOR.match(t)
    return int(m[1]) * _BYTES[m[2]] if m else _BYTES[t]


def _type(line: str) -> str:
    """The type of the value that a line of LLVM's text defines."""
    code, _, rest = line.partition(" = ")[2].partition(" ")
    if code == "getelementptr":
        return "ptr"
    if code == "select":
        rest = rest.partition(", ")[2]
    elif " to " in rest:
        rest = rest.rpartition(" to ")[2]
    rest = re.sub(r"^(?:(?:nuw|nsw|exact|disjoint) )+", "", rest)
    if code in ("icmp", "fcmp"):
        rest = rest.partition(" ")[2]
    m = re.match(_TYPE, rest)
    if m is None:
        raise ValueError(line)
    v = _VECTOR.match(m[1])
    if code in ("icmp", "fcmp"):
        return f"<{v[1]} x i1>" if v else "i1"
    if code == "extractelement" and v:
        return v[2]
    if code == "shufflevector" and v:
        widths = _VECTOR.findall(rest)
        return f"<{widths[-1][0]} x {v[2]}>"
    return m[1]
