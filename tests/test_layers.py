"""Imports run one way: a module imports from its own layer and from those above it in LAYERS.

All imports are read from the source, those inside functions too, so a lazy import cannot hide a cycle.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "cauchy"
MODULES = {
    ".".join(("cauchy", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

# The first pattern that fits a module (its name without `cauchy.`) gives its layer; `read.*` covers what is below too.
LAYERS = (
    ("errors", "proof", "messages"),
    ("graph",),
    ("ops", "ops.*"),
    ("read", "read.kernel", "read.value", "read.value.*"),
    ("tracer", "tracer.*"),
    ("rewrite",),
    ("sets", "sets.*"),
    ("read.*",),
    ("figure",),
    ("calculus", "calculus.*"),
    ("linear", "linear.*"),
    ("optimize", "optimize.*"),
    ("learn", "learn.*"),
    ("course", "course.*"),
    ("testing", "doctor"),
    ("tour", "tour.*"),
    ("cli", "__main__", ""),
)
REQUIRED = {"numpy", "scipy"}  # what may be imported when a module loads
NATIVE = "cauchy.read.native"  # loaded with the first compilation, and LLVM with it
# only inside functions: slow or optional
LAZY = set("llvmlite sympy mpmath matplotlib jax IPython graphviz flint piqp clarabel safetensors sklearn".split())
CHILDREN = {"cauchy.calculus.exact", "cauchy.calculus.symbolic"}  # loaded in a child process alone, for SymPy's sake


def layer(module: str) -> int:
    name = module.removeprefix("cauchy").removeprefix(".")
    for i, patterns in enumerate(LAYERS):
        if any(fnmatchcase(name, pattern) for pattern in patterns):
            return i
    raise AssertionError(f"no layer names {module}: add it to LAYERS in tests/test_layers.py")


def imports(module: str, source: str) -> Iterator[tuple[str, int, bool]]:
    """(imported module, line, lazy) for each import; a name that is no module of ours stands for its package."""
    package = module if MODULES.get(module, Path()).name == "__init__.py" else module.rpartition(".")[0]

    def visit(node: ast.AST, lazy: bool) -> Iterator[tuple[str, int, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, lazy) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            ancestors = package.split(".")
            base = ancestors[: len(ancestors) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                name = f"{origin}.{alias.name}"
                yield (name if name in MODULES else origin), node.lineno, lazy
        typing_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        lazy |= typing_only or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        for child in ast.iter_child_nodes(node):
            yield from visit(child, lazy)

    return visit(ast.parse(source), False)


def faults(module: str, source: str) -> list[str]:
    found = []
    for target, line, lazy in imports(module, source):
        top = target.partition(".")[0]
        if top == "cauchy":
            if layer(target) > layer(module):
                found.append(f"line {line}: {module} imports {target}, which lies below it")
        elif top in LAZY:
            if not lazy and module not in CHILDREN and not (top == "llvmlite" and module.startswith(NATIVE)):
                found.append(f"line {line}: {module} imports {target} when it loads; import it inside the function")
        elif top not in REQUIRED | sys.stdlib_module_names:
            found.append(f"line {line}: {module} imports {target}, which pyproject.toml does not declare")
    return found


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_one_way(module):
    assert faults(module, MODULES[module].read_text("utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "import cauchy.cli",
        "def f():\n    import cauchy",
        "from . import cli",
        "from .ops import elementary",
        "def f():\n    from .calculus.differentiate import grad",
        "if True:\n    from cauchy.read.derive import rules",
        "import matplotlib.pyplot as plt",
        "class A:\n    from sympy import Symbol",
        "def f():\n    import pandas",
    ],
)
def test_a_wrong_import_is_found(source):
    assert len(faults("cauchy.graph", source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "import numpy as np, ast",
        "from .errors import CauchyError",
        "from . import proof",
        "def f():\n    from sympy import Symbol",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from matplotlib.figure import Figure",
    ],
)
def test_a_right_import_is_not(source):
    assert faults("cauchy.graph", source) == []


def test_relative_imports_start_from_the_package():
    assert [target for target, *_ in imports("cauchy.ops", "from . import elementary")] == ["cauchy.ops.elementary"]
    assert [target for target, *_ in imports("cauchy.ops.reduce", "from ..errors import X")] == ["cauchy.errors"]
    assert [target for target, *_ in imports("cauchy.ops.reduce", "from .. import X")] == ["cauchy"]


def test_importing_cauchy_loads_nothing_slow_or_optional():
    code = f"import sys, cauchy; print(*sorted({LAZY!r} & sys.modules.keys()))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert loaded.stdout.split() == []
