"""The Python blocks of both READMEs and of the pages in docs run, and show the output that they really give."""

import ast
import doctest
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = ["README.md", "README.zh-CN.md", *(f"docs/{page.name}" for page in sorted((ROOT / "docs").glob("*.md")))]
RUN = ["README.md", "README.zh-CN.md", "docs/learning.md", "docs/optimization.md"]
FLAGS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def examples(name: str) -> list[doctest.Example]:
    text = (ROOT / name).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return doctest.DocTestParser().get_examples("\n".join(blocks), name)


@pytest.mark.parametrize("name", RUN)
def test_blocks_show_their_real_output(name):
    found = examples(name)
    assert any(example.want for example in found)
    report: list[str] = []
    doctest.DocTestRunner(optionflags=FLAGS).run(doctest.DocTest(found, {}, name, name, 0, None), out=report.append)
    assert not report, "".join(report)


def test_the_two_languages_show_the_same_code():
    english, chinese = (
        [ast.dump(ast.parse(example.source)) for example in examples(name)] for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese


@pytest.mark.parametrize("name", [*PAGES, "CONTRIBUTING.md"])
def test_links_to_files_lead_somewhere(name):
    path = ROOT / name
    links = re.findall(r"\]\(([^)#]+)[^)]*\)|src=\"([^\"]+)\"", path.read_text("utf-8"))
    targets = [target for pair in links for target in pair if target and "://" not in target]
    assert [target for target in targets if not (path.parent / target).exists()] == []
