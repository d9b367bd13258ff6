"""The primitives, by family, and nothing about what they mean: name, sampling domain, edge points.

`from cauchy import ops as P` gives them all: `P.sin`, `P.matmul`.
"""

from ..graph import Primitive
from .control import *
from .elementary import *
from .index import *
from .linalg import *
from .reduce import *
from .shape import *
from .special import *

ALL: tuple[Primitive, ...] = tuple(p for p in globals().values() if isinstance(p, Primitive))
BY_NAME: dict[str, Primitive] = {p.name: p for p in ALL}
