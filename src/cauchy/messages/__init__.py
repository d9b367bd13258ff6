"""The catalog: every text a user reads in a report, in English and Chinese, side by side.

One TOML file per room. Each entry is a table with the keys `en` and `zh`; fields are
filled by `str.format`. Exceptions speak English only, as Python's own do.
"""

from __future__ import annotations

import functools
import os
import tomllib
from importlib import resources
from typing import Literal

Lang = Literal["en", "zh"]


def language(asked: str | None = None) -> Lang:
    """The language asked for, else `CAUCHY_LANG`, else the locale's, else English."""
    env = os.environ
    for name in (asked, env.get("CAUCHY_LANG"), env.get("LC_ALL"), env.get("LC_MESSAGES"), env.get("LANG")):
        if name:
            return "zh" if name.lower().startswith("zh") else "en"
    return "en"


@functools.cache
def _room(room: str) -> dict[str, dict[str, str]]:
    return tomllib.loads((resources.files(__name__) / f"{room}.toml").read_text("utf-8"))


def say(key: str, lang: str | None = None, /, **fields: object) -> str:
    """The text `room.entry` in the language asked for, e.g. `say("verdict.proved", "zh")`.

    >>> say("verdict.proved", "en"), say("verdict.proved", "zh")
    ('proved', '已证明')
    """
    room, _, entry = key.partition(".")
    return _room(room)[entry][language(lang)].format(**fields)
