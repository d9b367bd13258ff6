"""Drawings: laws of the layout on random graphs, and what a picture must show."""

import re
import xml.etree.ElementTree as ET
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cauchy
from cauchy.calculus.picture import adjoints, draw
from cauchy.errors import CauchyError
from cauchy.graph import Graph
from cauchy.ops import BY_NAME
from cauchy.read.draw.layout import GAP, Box, place
from cauchy.read.draw.svg import Edge, Item, compose
from cauchy.read.draw.svg import draw as to_svg

SVG = "{http://www.w3.org/2000/svg}"


@st.composite
def graphs(draw_from):
    """Random acyclic graphs of items with names and labels of all lengths."""
    n = draw_from(st.integers(1, 25))
    kinds = st.sampled_from(["input", "constant", "operation", "output"])
    texts = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
    labels = st.lists(st.tuples(st.sampled_from(["value", "adjoint"]), texts), max_size=2).map(tuple)
    items = [Item(draw_from(kinds), draw_from(texts), draw_from(labels), "a <hint> & more") for _ in range(n)]
    pairs = st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda p: p[0] < p[1])
    edges = draw_from(st.lists(pairs, max_size=2 * n)) if n > 1 else []
    return items, [Edge(u, v, str(k % 3 or "")) for k, (u, v) in enumerate(edges)]


def meet(a, b) -> bool:
    """Whether two rectangles (left, top, width, height) have common inner points."""
    return (
        a[0] < b[0] + b[2] - 1e-6
        and b[0] < a[0] + a[2] - 1e-6
        and a[1] < b[1] + b[3] - 1e-6
        and b[1] < a[1] + a[3] - 1e-6
    )


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_layout_laws(graph):
    items, edges = graph
    p = compose(items, edges, "a note")
    boxes = [p.box(i) for i in range(len(items))] + [p.label(i) for i in range(len(items)) if items[i].labels]
    assert not any(meet(a, b) for a, b in combinations(boxes, 2))
    w, h = p.size
    assert all(left >= 0 and top >= 0 and left + bw <= w and top + bh <= h for left, top, bw, bh in boxes)
    for e, joints in zip(edges, p.layout.joints, strict=True):
        rows = [p.layout.row[e.source], *(r for _, r in joints), p.layout.row[e.target]]
        assert rows == list(range(rows[0], rows[-1] + 1))
        for x, r in joints:  # a line passes between the boxes of a row
            line = (x + p.shift, p.tops[r], 0.01, p.ends[r] - p.tops[r])
            assert not any(meet(line, box) for i, box in enumerate(boxes[: len(items)]) if p.layout.row[i] == r)


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_the_text_is_valid_and_every_stroke_runs_down(graph):
    items, edges = graph
    p = compose(items, edges)
    svg = to_svg(p, "title <&>", "description", "")
    assert svg == to_svg(compose(items, edges), "title <&>", "description", "")
    root = ET.fromstring(svg)
    assert [root.find(SVG + tag).text for tag in ("title", "desc")] == ["title <&>", "description"]
    shown = ["".join(t.itertext()) for t in root.iter(SVG + "text") if t.get("class") != "order"]
    assert sorted(shown) == sorted([i.text for i in items] + [t for i in items for _, t in i.labels])
    strokes = [g.get("d") for g in root.iter(SVG + "path") if g.get("class") == "edge"]
    assert len(strokes) == len(edges)
    w, _ = map(float, root.get("viewBox").split()[2:])
    for d, e in zip(strokes, edges, strict=True):
        heights = [p.box(e.source)[1]]
        for command, numbers in re.findall(r"([MVC])([-\d. ]+)", d):
            values = [float(v) for v in numbers.split()]
            heights += values if command == "V" else values[1::2]
            assert all(-1 <= x <= w + 1 for x in values[0::2]) or command == "V"
        assert all(b >= a - 0.11 for a, b in pairwise(heights))
        assert heights[-1] <= p.box(e.target)[1] + 17


@settings(max_examples=25, deadline=None)
@given(graphs())
def test_neighbors_keep_their_distance_and_chains_are_straight(graph):
    items, edges = graph
    boxes = [i.box for i in items]
    lay = place(boxes, [(e.source, e.target) for e in edges])
    for i, j in combinations(range(len(items)), 2):
        if lay.row[i] == lay.row[j]:
            a, b = (i, j) if lay.x[i] < lay.x[j] else (j, i)
            assert lay.x[b] - lay.x[a] >= boxes[a].right + GAP + boxes[b].left - 1e-6


def test_a_chain_is_one_straight_line():
    lay = place([Box(20, 20)] * 6, [(i, i + 1) for i in range(5)])
    assert len(set(lay.x)) == 1
    assert lay.row == list(range(6))


def test_planar_graphs_are_drawn_without_crossings():
    # a binary tree upside down, its leaves in shuffled order
    edges = [(i, 16 + i % 8) for i in range(16)] + [(16 + i, 24 + i % 4) for i in range(8)]
    edges += [(24 + i, 28 + i % 2) for i in range(4)] + [(28, 30), (29, 30)]
    lay = place([Box(20, 20)] * 31, edges)
    lines = [(lay.x[u], lay.x[v], lay.row[u]) for u, v in edges]
    assert not any(r == s and (a - c) * (b - d) < 0 for (a, b, r), (c, d, s) in combinations(lines, 2))
    assert not any(lay.joints)


def y(a, b):
    return (a + b) * (b + 1)


def test_the_textbook_graph():
    d = draw(y, 2.0, 1.0)
    assert [i.kind for i in d.picture.items].count("input") == 2
    assert [i.kind for i in d.picture.items].count("operation") == 3
    labels = {i.text: [t for _, t in i.labels] for i in d.picture.items if i.kind in ("input", "operation")}
    assert labels["a"] == ["2", "∂ 2"]
    assert labels["b"] == ["1", "∂ 5"]
    assert labels["×"] == ["6", "∂ 1"]
    assert "y" in [i.text for i in d.picture.items if i.kind == "output"]
    assert d._repr_svg_() == d.svg == draw(y, 2.0, 1.0).svg


def test_adjoints_are_the_gradient_and_every_sensitivity():
    def f(w):
        return np.tanh(w * w).sum()

    w = np.array([0.3, -0.5])
    g = cauchy.trace(f, w)
    bars = adjoints(g)
    np.testing.assert_allclose(bars[g.inputs[0]], cauchy.grad(f)(w), rtol=1e-15)
    by_name = {n.prim.name: v for n, v in bars.items()}
    assert np.array_equal(by_name["tanh"], np.ones(2))
    assert np.allclose(by_name["multiply"], 1 - np.tanh(w * w) ** 2, rtol=1e-14)
    assert by_name["sum"] == 1.0
    assert adjoints(cauchy.trace(lambda x: x * 2, w)) == {}


def test_operands_out_of_order_are_counted():
    def crossed(a, b, c):
        return (b - a) * c + (a - c) / b

    counted = re.findall(r'class="order"[^>]*>(\d)<', cauchy.trace(crossed, 1.0, 2.0, 3.0).draw().svg)
    assert counted
    assert counted.count("1") == counted.count("2")
    assert 'class="order"' not in cauchy.trace(lambda a, b: a - b, 1.0, 2.0).draw().svg


def test_large_graphs_say_what_they_leave_out():
    def f(x):
        for k in range(150):
            x = np.sin(x) + x / (k + 1.0)
        return x

    d = cauchy.trace(f, 0.5).draw()
    assert "the last 200 of" in d.svg
    assert "⋯" in d.svg
    assert len(d.picture.items) < 400
    assert "the last" not in cauchy.trace(y, 1.0, 2.0).draw().svg


def test_values_and_labels():
    g = cauchy.trace(lambda x: np.where(x > 0, x[::-1], 0.5).reshape(1, 3), np.array([1.0, -2.0, 1e-9]))
    shown = [t.text for t in ET.fromstring(g.draw().svg).iter(SVG + "text")]
    assert "[3] 1, −2, 1e−09" in shown
    assert "[1×3] 1e−09, 0.5, 1" in shown
    assert "[3] true, false, true" in shown
    assert "[::-1]" in shown
    assert "0.5" in shown
    assert not re.search('class="value"', g.draw(values=False).svg)
    assert "[3] 7, 8, 9" in g.draw(values={g.inputs[0]: np.array([7, 8, 9])}).svg


def test_text_of_the_program_is_escaped():
    g = cauchy.trace(lambda p: p["<b>&"] * 2, {"<b>&": 1.0})
    assert "<b>" not in g.draw().svg
    ET.fromstring(g.draw().svg)


def test_saving(tmp_path):
    g = cauchy.trace(y, 2.0, 1.0)
    d = g.draw(path=tmp_path / "y.svg")
    assert (tmp_path / "y.svg").read_text("utf-8") == d.svg
    with pytest.raises(CauchyError, match="svg"):
        d.save(tmp_path / "y.png")


def test_a_loaded_graph_is_drawn_without_values():
    g = cauchy.trace(y, 2.0, 1.0)
    d = Graph.from_data(g.to_data(), BY_NAME).draw()
    assert len(d.picture.items) == 7
    assert 'class="value"' not in d.svg


def test_several_outputs_and_tuples():
    g = cauchy.trace(lambda a: (np.linalg.slogdet(a)[1], a * 1.0), np.eye(2))
    texts = [i.text for i in g.draw().picture.items]
    assert {"slogdet", "[1]", "f[0]", "f[1]"} <= set(texts)
