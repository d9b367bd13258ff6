"""Reports are compared with their English text, whatever the locale of the machine."""

import os

os.environ["CAUCHY_LANG"] = "en"
