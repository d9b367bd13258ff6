"""The statements, one file per chapter."""

from . import waiting

__all__ = ["waiting"]
