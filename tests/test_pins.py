"""A fresh install today and in a year agree: what pyproject.toml asks for is pinned, and explained."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def canonical(requirement: str) -> str:
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def wanted() -> set[str]:
    lists = [
        PROJECT["build-system"]["requires"],
        PROJECT["project"]["dependencies"],
        *PROJECT["project"]["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    named = {canonical(entry) for entries in lists for entry in entries if isinstance(entry, str)}
    return named - {canonical(PROJECT["project"]["name"])}  # the extra `all` is made of the others


def pins() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_dependency_is_pinned_to_one_version():
    assert [line for line in pins() if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][\w.]*", line)] == []
    assert wanted() <= {canonical(line) for line in pins()}


def test_every_installed_package_is_explained():
    rows = re.findall(r"^\| ([A-Za-z0-9._-]+) \|", (ROOT / "docs/dependencies.md").read_text("utf-8"), re.MULTILINE)
    assert {canonical(line) for line in pins()} == {canonical(row) for row in rows} - {"package"}
