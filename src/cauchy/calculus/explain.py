"""`cauchy explain "x^3-2x^2+1"`: everything a first course asks about a function of one variable.

What is exact comes from `symbolic`, in a child process that is ended when it takes too long. What it
leaves open is searched numerically and called an estimate.
"""

from __future__ import annotations

import argparse
import functools
import html
import json
import math
import os
import queue
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy import optimize

from .. import figure
from ..errors import CauchyError, DomainError, ParseError
from ..messages import language, say
from ..proof import Proof, Result, Verdict
from .expression import Expression, parse, read
from .syntax import variables

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUESTIONS = ("domain", "derivatives", "stationary", "limits", "antiderivative", "inflections", "roots")
_WINDOW = (-10.0, 10.0)  # where to search when nothing else says where


