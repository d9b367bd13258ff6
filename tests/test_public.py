"""The public names: each exists, once, is documented, and shows an example that the doctest run executes."""

import doctest
import enum
import inspect
import types

import pytest

import cauchy


@pytest.mark.parametrize("name", cauchy.__all__)
def test_documented_with_an_example(name):
    value = getattr(cauchy, name)
    assert not name.startswith("_")
    doc = inspect.getdoc(value)
    assert doc, f"cauchy.{name} has no docstring"
    kind = value if isinstance(value, type) else type(value)
    if not issubclass(kind, (BaseException, enum.Enum)):
        assert doctest.DocTestParser().get_examples(doc), f"the docstring of cauchy.{name} shows no example"


def test_exported_once():
    assert len(set(cauchy.__all__)) == len(cauchy.__all__)
    by_value: dict[int, list[str]] = {}
    for name in cauchy.__all__:
        by_value.setdefault(id(getattr(cauchy, name)), []).append(name)
    assert [names for names in by_value.values() if len(names) > 1] == [], "one word per idea"


def test_nothing_leaks():
    """What `cauchy.<tab>` offers is `__all__` and the library's own submodules."""

    def ours(value: object) -> bool:
        return isinstance(value, types.ModuleType) and value.__name__.startswith("cauchy.")

    public = {name for name in dir(cauchy) if not name.startswith("_") and not ours(getattr(cauchy, name))}
    assert public <= set(cauchy.__all__)
