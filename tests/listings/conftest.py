"""The listings are input, not tests: importing one runs it."""

collect_ignore_glob = ["*.py"]
