"""Sums over the loop around the vectors: products of matrices, and of matrices with vectors from the left.

The accumulators of a tile (some vectors, for some rounds of the loop outside) stay in registers while the
summed loop runs: order (outer..., JAM rounds at once, summed, vectors). A product and its addition are one fma.
A long sum goes on in memory every `STRIP` rounds, so its error is at most (STRIP + rounds/STRIP) u sum |x| to first
order.
"""

from __future__ import annotations

from .access import place
from .ir import Value, kind_of
from .loopnest import LoopNest, identity_of
from .roots import FOLDS, Root

REGISTERS = 12  # vectors of accumulators
JAM = 4
STRIP = 512


class Tiled(LoopNest):
    """A `LoopNest` whose roots are all folded over the last loop but one."""

    def fits(self) -> bool:
        return (
            self.top > 1
            and self.width > 1
            and len(self.roots) <= 3
            and all(r.op in FOLDS for r in self.roots)
            and all(self._reduced(r, self.top - 2) and not self._reduced(r, self.top - 1) for r in self.roots)
            and min(self.extents) > 0
        )

    def _loops(self) -> list[str]:
        if not self.fits():
            return super()._loops()
        self.fills = []
        rounds, outer = self.extents[-2], self.top - 3
        self.strips = rounds > STRIP
        self.goes_on = self.strips or any(self._reduced(r, k) for r in self.roots for k in range(self.top - 2))
        if self.goes_on:
            for r in self.roots:
                self._fill(r)
        jams = outer >= 0 and not any(self._reduced(r, outer) for r in self.roots)
        many = next(j for j in (4, 3, 2, 1) if self.extents[outer] % j == 0) if jams else 1
        if not jams:
            lines = self._across(1, outer)
        else:
            if many == 1 and self.extents[outer] >= 4 * JAM:
                many = JAM
            lines = self._jammed(outer, many)
            outer -= 1
        for loop in reversed(range(outer + 1)):
            lines = self._around(loop, [*self.levels[loop + 1], *lines])
        return lines

    def _jammed(self, loop: int, many: int) -> list[str]:
        """The loop outside, `many` rounds at once; what is left over, one at a time."""
        n, b = self.extents[loop], self.b
        lines: list[str] = []
        for start, stop, step in ((0, n // many * many, many), (n // many * many, n, 1)):
            if start == stop:
                continue
            label = b.label("jam")
            i = f"%{label}.i"
            self.vars[loop] = (i, 0)
            self._forget(loop + 1)
            inner = self._across(step, loop)
            lines += [
                f"  br label %{label}.pre",
                f"{label}.pre:",
                f"  br label %{label}",
                f"{label}:",
                f"  {i} = phi i64 [{start}, %{label}.pre], [{i}.next, %{label}.end]",
                *inner,
                f"  br label %{label}.end",
                f"{label}.end:",
                f"  {i}.next = add nuw nsw i64 {i}, {step}",
                f"  {i}.more = icmp ult i64 {i}.next, {stop}",
                f"  br i1 {i}.more, label %{label}, label %{label}.out",
                f"{label}.out:",
            ]
        self.levels[loop + 1] = []
        return lines

    def _forget(self, level: int) -> None:
        """What stands at this level or within, in a piece of code that is now behind us."""
        self.outer = {k: found for k, found in self.outer.items() if found[1] < level}
        for k in range(level, self.top):
            self.levels[k] = []

    def _across(self, jam: int, loop: int) -> list[str]:
        """The vectors of the innermost loop, in tiles."""
        n, w = self.extents[-1], self.width
        tile = max(1, min(-(-n // w), REGISTERS // (jam * len(self.roots)))) * w
        whole = n // tile * tile
        lines: list[str] = []
        if whole > tile:
            label = self.b.label("tile")
            j = f"%{label}.j"
            inner = self._tile(jam, loop, [(j, k, w, w) for k in range(0, tile, w)])
            lines += [
                f"  br label %{label}.pre",
                f"{label}.pre:",
                f"  br label %{label}",
                f"{label}:",
                f"  {j} = phi i64 [0, %{label}.pre], [{j}.next, %{label}.end]",
                *inner,
                f"  br label %{label}.end",
                f"{label}.end:",
                f"  {j}.next = add nuw nsw i64 {j}, {tile}",
                f"  {j}.more = icmp ult i64 {j}.next, {whole}",
                f"  br i1 {j}.more, label %{label}, label %{label}.out",
                f"{label}.out:",
            ]
        else:
            whole = 0
        while whole < n:
            parts = []
            for k in range(whole, min(whole + tile, n), w):
                rest = n - k
                parts.append(("", k, w, w) if rest >= w else ("", k, 1 << (rest - 1).bit_length(), rest))
            lines += self._tile(jam, loop, parts)
            whole += tile
        return lines

    def _tile(self, jam: int, loop: int, parts: list[tuple[str, int, int, int]]) -> list[str]:
        """Accumulators in registers: the summed loop around the bodies of these vectors."""
        b, label, rounds = self.b, self.b.label("sum"), self.extents[-2]
        base = self.vars.get(loop, (f"%i{loop}", 0)) if loop >= 0 else ("", 0)
        r = f"%{label}.r"
        self.vars[self.top - 2] = (r, 0)
        before: list[str] = []
        top: list[str] = []
        body: list[str] = []
        phis: list[str] = []
        after: list[str] = []
        for u in range(jam):
            if loop >= 0 and jam > 1:
                self.vars[loop] = (base[0], base[1] + u)
            # what does not depend on the jammed loop is found again; LLVM would not
            self._forget(self.top - 2)
            for k, (ref, shift, width, valid) in enumerate(parts):
                b.width = width
                lines = self.start_body(width, valid, (ref, shift))
                for m, root in enumerate(self.roots):
                    kind = kind_of(root.node.dtype)
                    old = Value(b, f"%{label}.a{u}.{k}.{m}", kind)
                    new = self.folded(root, old)
                    with self.at(self.top):
                        zero = b.const(kind, identity_of(root.op, kind, False)).ref
                        phis.append(
                            f"  {old.ref} = phi {b.type(kind)} [{zero}, %{label}.pre], [{new.ref}, %{label}.end]"
                        )
                    body += lines
                    lines = self.levels[self.top] = []
                    self._settle(root, new)
                    after += self.levels[self.top]
                    lines = self.levels[self.top] = []
            before += self.levels[self.top - 2]
            top += self.levels[self.top - 1]
        b.width = 1
        if loop >= 0:
            self.vars[loop] = base
        count = f"{rounds}"
        head = [f"  br label %{label}.pre", f"{label}.pre:", f"  br label %{label}", f"{label}:"]
        head.append(
            f"  {r} = phi i64 [{'%' + label + '.s' if self.strips else 0}, %{label}.pre], [{r}.next, %{label}.end]"
        )
        end = [
            f"  br label %{label}.end",
            f"{label}.end:",
            f"  {r}.next = add nuw nsw i64 {r}, 1",
            f"  {r}.more = icmp ult i64 {r}.next, {'%' + label + '.stop' if self.strips else count}",
            f"  br i1 {r}.more, label %{label}, label %{label}.out",
            f"{label}.out:",
        ]
        inner = [*head, *phis, *top, *body, *end, *after]
        if self.strips:
            s = f"%{label}.s"
            inner = [
                f"  br label %{label}.first",
                f"{label}.first:",
                f"  br label %{label}.strip",
                f"{label}.strip:",
                f"  {s} = phi i64 [0, %{label}.first], [{s}.next, %{label}.last]",
                f"  {s}.next = add nuw nsw i64 {s}, {STRIP}",
                f"  {s}.more = icmp ult i64 {s}.next, {rounds}",
                f"  %{label}.stop = select i1 {s}.more, i64 {s}.next, i64 {rounds}",
                *inner,
                f"  br label %{label}.last",
                f"{label}.last:",
                f"  br i1 {s}.more, label %{label}.strip, label %{label}.done",
                f"{label}.done:",
            ]
        self._forget(self.top - 2)
        return [*before, *inner]

    def _settle(self, root: Root, new: Value) -> None:
        """Write an accumulator to its place, on top of what is there if the sum goes on."""
        p = place(root.node, root.node.shape, root.target, self.depth)
        kind = kind_of(root.node.dtype)
        if self.goes_on:
            old = self._memory(p)
            with self.at(self.top):
                new = self.combine(root.op, old, new)
        self._put(p, new, kind)
