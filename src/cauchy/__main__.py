"""`python -m cauchy` is the command `cauchy`."""

from .cli import main

raise SystemExit(main())
