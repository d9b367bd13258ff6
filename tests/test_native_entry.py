"""Kernels written by hand, called through the native entry and through the driver in Python."""

import collections
import ctypes
import gc
import pickle
import resource
import subprocess
import sys
import threading
import types
import weakref

import numpy as np
import pytest
import scipy.integrate
from scipy import LowLevelCallable

from cauchy.errors import InternalError
from cauchy.read.native import driver, layout
from cauchy.read.native.driver import Driver
from cauchy.read.native.entry import entry_ir, make_callable
from cauchy.read.native.llvm import Library
from cauchy.read.native.lowlevel import scalar_entry_ir
from cauchy.read.native.signature import Array, Branch, Same, Scalar, Signature
from cauchy.tracer.watch import ABSENT, Watch

native = pytest.mark.skipif(not layout.available(), reason=str(layout.problem()))

F8 = np.dtype("f8")
PAIR = Array(F8, (2,))
NUMBER = Scalar(F8, (np.float64,))


def kernel(body: str) -> str:
    return f"define i32 @kernel(ptr %in, ptr %out, ptr %scratch) {{\n{body}\n}}\n"


def pointer(name: str, table: str, i: int) -> str:
    return f"%{name}.at = getelementptr ptr, ptr %{table}, i64 {i}\n%{name} = load ptr, ptr %{name}.at\n"


# out[0] = value, out[1] = gradient of Rosenbrock's function (1960) at in[0]
ROSENBROCK = kernel(
    pointer("x", "in", 0)
    + pointer("v", "out", 0)
    + pointer("g", "out", 1)
    + """
  %x1.at = getelementptr double, ptr %x, i64 1
  %g1.at = getelementptr double, ptr %g, i64 1
  %x0 = load double, ptr %x
  %x1 = load double, ptr %x1.at
  %square = fmul double %x0, %x0
  %t = fsub double %x1, %square
  %u = fsub double 1.0, %x0
  %tt = fmul double %t, %t
  %ht = fmul double 100.0, %tt
  %uu = fmul double %u, %u
  %value = fadd double %ht, %uu
  %xt = fmul double %x0, %t
  %h = fmul double -400.0, %xt
  %u2 = fmul double 2.0, %u
  %g0 = fsub double %h, %u2
  %g1 = fmul double 200.0, %t
  store double %value, ptr %v
  store double %g0, ptr %g
  store double %g1, ptr %g1.at
  ret i32 0"""
)


def rosenbrock(x):
    a, b = map(float, x)
    return 100 * (b - a * a) ** 2 + (1 - a) ** 2, [-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)]


def loop(n: int, body: str, index: str = "i", then: str = "done") -> str:
    """Text that runs `body` for index = 0 .. n - 1; it starts in a block that just ended."""
    i = index
    return f"""
  br label %{i}.head
{i}.head:
  %{i}.slot = phi i64 [ 0, %{i}.before ], [ %{i}.next, %{i}.body ]
  %{i}.more = icmp slt i64 %{i}.slot, {n}
  br i1 %{i}.more, label %{i}.body, label %{then}
{i}.body:
{body.replace("INDEX", f"%{i}.slot")}
  %{i}.next = add i64 %{i}.slot, 1
  br label %{i}.head
"""


def doubled(n: int, type_: str = "double", by: str = "fadd") -> str:
    """out[0] = 2 in[0], elementwise."""
    body = f"""
  %p = getelementptr {type_}, ptr %x, i64 INDEX
  %q = getelementptr {type_}, ptr %y, i64 INDEX
  %v = load {type_}, ptr %p
  %w = {by} {type_} %v, %v
  store {type_} %w, ptr %q"""
    start = "br label %i.before\ni.before:"
    return kernel(pointer("x", "in", 0) + pointer("y", "out", 0) + start + loop(n, body) + "done:\n  ret i32 0")


def refuse(*args, **kwargs):
    raise AssertionError("the slow path was taken")


def slow(*args, **kwargs):
    return "slow", args, kwargs


def is_slow(answer) -> bool:
    return isinstance(answer, tuple) and len(answer) == 3 and answer[0] == "slow"


def build(text: str, spec: Signature, otherwise=slow):
    return make_callable(Library(text, entry=entry_ir(spec)), spec, otherwise)


def both(text: str, spec: Signature, otherwise=slow):
    library = Library(text, entry=entry_ir(spec))
    return make_callable(library, spec, otherwise), Driver(library, spec, otherwise)


VALUE_AND_GRADIENT = Signature((PAIR,), (NUMBER, PAIR), structure=(0, 1))


def test_the_layout_of_this_build_is_known():
    assert layout.problem() is None


@native
def test_rosenbrock_by_both_ways():
    x = np.array([-1.2, 1.0])
    for f in both(ROSENBROCK, VALUE_AND_GRADIENT, refuse):
        value, gradient = f(x)
        want, slope = rosenbrock(x)
        assert type(value) is np.float64
        assert type(gradient) is np.ndarray
        assert gradient.dtype is F8
        assert gradient.flags.owndata
        assert gradient.flags.writeable
        np.testing.assert_allclose(value, want, rtol=1e-15)
        np.testing.assert_allclose(gradient, slope, rtol=1e-15)


@native
def test_the_callable_is_a_builtin_with_a_name():
    f = build(ROSENBROCK, Signature((PAIR,), (NUMBER, PAIR), structure=1, name="slope"))
    assert type(f) is types.BuiltinFunctionType
    assert f.__name__ == "slope"
    assert "slope" in repr(f)


@native
def test_a_class_may_have_it_as_call():
    Gradient = type("Gradient", (), {"__call__": build(ROSENBROCK, VALUE_AND_GRADIENT)})
    assert Gradient()(np.array([1.0, 1.0]))[0] == 0.0
    assert is_slow(Gradient()(np.array([1.0])))


ODD = {
    "strided": np.array([3.0, 0.0, 4.0, 0.0])[::2],
    "reversed": np.array([4.0, 3.0])[::-1],
    "misaligned": np.frombuffer(b"\0" + np.array([3.0, 4.0]).tobytes(), np.uint8)[1:].view("f8"),
    "other byte order": np.array([3.0, 4.0]).astype(">f8"),
    "subclass": np.array([3.0, 4.0]).view(type("Sub", (np.ndarray,), {})),
}
WRONG = {
    "number": 3.0,
    "list": [3.0, 4.0],
    "none": None,
    "shape": np.array([3.0, 4.0, 5.0]),
    "axes": np.array([[3.0, 4.0]]),
    "no axis": np.array(3.0),
    "single": np.array([3.0, 4.0], "f4"),
    "integer": np.array([3, 4]),
    "complex": np.array([3.0, 4.0], complex),
    "object": np.array([3.0, 4.0], object),
    "masked": np.ma.array([3.0, 4.0], mask=[0, 1]),
    "empty": np.array([]),
}


@native
@pytest.mark.parametrize("name", ODD)
def test_odd_arrays_are_copied(name):
    x = ODD[name]
    fast, driven = both(ROSENBROCK, VALUE_AND_GRADIENT)
    answer = fast(x)
    if name in ("other byte order", "subclass"):
        assert is_slow(answer)
        assert answer[1][0] is x
    else:
        assert answer[0] == rosenbrock([3.0, 4.0])[0]
    assert driven(x)[0] == rosenbrock([3.0, 4.0])[0]


@native
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_are_slow(name):
    for f in both(ROSENBROCK, VALUE_AND_GRADIENT):
        assert is_slow(f(WRONG[name]))


@native
def test_read_only_and_unpickled_arrays_are_fast():
    x = pickle.loads(pickle.dumps(np.array([3.0, 4.0])))
    x.flags.writeable = False
    for f in both(ROSENBROCK, VALUE_AND_GRADIENT, refuse):
        assert f(x)[0] == rosenbrock(x)[0]


@native
def test_arity_and_keywords_are_slow():
    x = np.array([1.0, 1.0])
    for f in both(ROSENBROCK, VALUE_AND_GRADIENT):
        assert f() == ("slow", (), {})
        assert f(x, x)[0] == "slow"
        assert f(x=x) == ("slow", (), {"x": x})
        assert f(x, k=1) == ("slow", (x,), {"k": 1})
        assert f(*[x], **{})[0] == 0.0


@native
def test_errors_of_the_slow_path_arrive():
    def broken(*args):
        raise KeyError("mine")

    for f in both(ROSENBROCK, VALUE_AND_GRADIENT, broken):
        with pytest.raises(KeyError, match="mine"):
            f(1)


@native
@pytest.mark.parametrize("code", [1, 2, -1, 7])
def test_a_kernel_that_gives_up_is_slow(code):
    x = np.zeros(2)
    for gil in (False, True):
        spec = Signature((PAIR,), (NUMBER, PAIR), structure=(0, 1), release_gil=gil, scratch=100_000 * gil)
        for f in both(kernel(f"ret i32 {code}"), spec):
            for _ in range(3):
                assert is_slow(f(x))


@native
@pytest.mark.parametrize("dtype", layout.DTYPES, ids=str)
def test_every_dtype_in_and_out(dtype):
    kind = {"b": "i8"}.get(dtype.kind) or ("double", "float")[dtype.itemsize == 4]
    kind = kind if dtype.kind in "fb" else f"i{8 * dtype.itemsize}"
    by = {"f": "fadd", "b": "or"}.get(dtype.kind, "add")
    twice = (lambda v: v + v) if dtype.kind != "b" else (lambda v: v)
    x = np.array([[0, 1, 1], [3, 5, 60]]).astype(dtype)
    for f in both(doubled(6, kind, by), Signature((Array(dtype, (2, 3)),), (Array(dtype, (2, 3)),)), refuse):
        y = f(x)
        assert y.dtype is dtype
        np.testing.assert_array_equal(y, twice(x))
    number = Scalar(dtype, (dtype.type,))
    for f in both(doubled(1, kind, by), Signature((number,), (number,))):
        y = f(dtype.type(1))
        assert type(y) is dtype.type
        assert y == twice(dtype.type(1))
        assert is_slow(f(1j))
        assert is_slow(f(np.ones((), dtype)))
        assert is_slow(f("1"))


PYTHON_NUMBERS = [
    (float, "f8", "double", "fadd", [1.5, -0.0, float("inf"), 5e-324]),
    (int, "i8", "i64", "add", [0, 1, -1, 2**40, -(2**62)]),
    (bool, "?", "i8", "or", [True, False]),
]


@native
@pytest.mark.parametrize(("kind", "dtype", "llvm", "by", "values"), PYTHON_NUMBERS)
def test_python_numbers(kind, dtype, llvm, by, values):
    number = Scalar(np.dtype(dtype), (kind,))
    for f in both(doubled(1, llvm, by), Signature((number,), (number,))):
        for v in values:
            y = f(v)
            assert type(y) is kind
            assert y == (v if kind is bool else v + v)
        for other in (np.float64(1), np.int64(1), np.bool_(1), 1, 1.0, True, 2**63, -(2**63) - 1, 2**200, None):
            if type(other) is not kind or abs(other) >= 2**63:
                assert is_slow(f(other))


@native
def test_a_scalar_may_have_two_types():
    number = Scalar(F8, (float, np.float64))
    for f in both(doubled(1), Signature((number,), (NUMBER,))):
        assert f(1.5) == f(np.float64(1.5)) == 3.0
        assert is_slow(f(1))
        assert is_slow(f(np.float32(1)))


def test_a_scalar_has_the_dtype_of_its_types():
    for dtype, types_ in (("f8", (int,)), ("f8", (np.float32,)), ("f8", ()), ("i8", (float, int))):
        with pytest.raises(InternalError):
            Scalar(np.dtype(dtype), types_)


# out[0] = a, out[1] = b for two numbers
COPY = kernel(
    "".join(pointer(f"a{i}", "in", i) + pointer(f"b{i}", "out", i) for i in range(2))
    + "\n".join(f"%v{i} = load double, ptr %a{i}\nstore double %v{i}, ptr %b{i}" for i in range(2))
    + "\nret i32 0"
)
TOKEN = object()
STRUCTURES = [
    (0, 1.0),
    ((0, 1), (1.0, 2.0)),
    ([1, 0], [2.0, 1.0]),
    ((0, 0, (0,)), (1.0, 1.0, (1.0,))),
    ({"a": 0, 3: [1, None]}, {"a": 1.0, 3: [2.0, None]}),
    ((), ()),
    (None, None),
    (([], {}, (None, Same(TOKEN)), 1, 1), ([], {}, (None, TOKEN), 2.0, 2.0)),
]


@native
@pytest.mark.parametrize(("structure", "want"), STRUCTURES)
def test_structures(structure, want):
    for f in both(COPY, Signature((NUMBER, NUMBER), (NUMBER, NUMBER), structure), refuse):
        got = f(np.float64(1), np.float64(2))
        assert got == want
        assert type(got) in (np.float64, type(want))
    for f in both(
        COPY, Signature((NUMBER, NUMBER), (NUMBER, NUMBER), structure, rebuild=lambda s: ["made", s]), refuse
    ):
        assert f(np.float64(1), np.float64(2)) == ["made", want]


@native
def test_one_output_twice_is_one_object():
    for f in both(COPY, Signature((NUMBER, NUMBER), (NUMBER, NUMBER), (0, [0])), refuse):
        a, (b,) = f(np.float64(1), np.float64(2))
        assert a is b


@native
def test_errors_of_rebuild_arrive():
    def rebuild(parts):
        raise OSError("no")

    for f in both(COPY, Signature((NUMBER, NUMBER), (NUMBER, NUMBER), (0, 1), rebuild=rebuild), refuse):
        with pytest.raises(OSError, match="no"):
            f(np.float64(1), np.float64(2))


Point = collections.namedtuple("Point", "x y")
TREES = [
    (Branch(tuple, (NUMBER, NUMBER)), lambda a, b: (a, b)),
    (Branch(list, (NUMBER, NUMBER)), lambda a, b: [a, b]),
    (Branch(dict, (NUMBER, NUMBER), ("w", "b")), lambda a, b: {"b": b, "w": a}),
    (Branch(dict, (Branch(list, (NUMBER,)), NUMBER), (0, "b")), lambda a, b: {0: [a], "b": b}),
    (Branch(Point, (NUMBER, NUMBER)), Point),
    (Branch(list, (Same(None), Branch(tuple, (NUMBER, Same(TOKEN))), NUMBER)), lambda a, b: [None, (a, TOKEN), b]),
]


@native
@pytest.mark.parametrize(("tree", "make"), TREES)
def test_trees_as_arguments(tree, make):
    a, b = np.float64(1), np.float64(2)
    wrong = [(a, b, a), [a], {"w": a}, {"w": a, "c": b}, {"w": a, "b": b, "c": a}, None, a, make(1, b), make(None, b)]
    for f in both(COPY, Signature((tree,), (NUMBER, NUMBER), (0, 1))):
        assert f(make(a, b)) == (1.0, 2.0)
        for x in wrong:
            assert is_slow(f(x))


def test_no_other_trees():
    class Special(dict):
        pass

    for kind, keys in ((Special, ("a",)), (dict, ("a", "b")), (dict, (1.5,)), (set, ())):
        with pytest.raises(InternalError):
            Branch(kind, (NUMBER,), keys)


@native
def test_an_argument_that_must_be_the_same():
    mode = ("fast",)
    for f in both(ROSENBROCK, Signature((PAIR, Same(mode)), (NUMBER, PAIR), structure=0)):
        x = np.array([1.0, 1.0])
        assert f(x, mode) == 0.0
        assert is_slow(f(x, tuple(["fast"])))  # noqa: C409 - an equal tuple that is another


# -- watches ----------------------------------------------------------------------------------------------


def watch(kind, owner, key, expected):
    return Watch(kind, owner, key, expected, "a test")


def watched(*watches):
    """A function that says whether the watches hold: the entry's answer, which is the driver's."""
    x = np.array([1.0, 1.0])
    calls = both(ROSENBROCK, Signature((PAIR,), (NUMBER, PAIR), structure=0, watches=watches))

    def fast() -> bool:
        answers = [is_slow(f(x)) for f in calls]
        assert answers[0] == answers[1]
        return not answers[0]

    return fast


@native
def test_watch_of_a_cell():
    first, cell = object(), types.CellType()
    fast = watched(watch("cell", cell, None, first))
    assert not fast()
    cell.cell_contents = first
    assert fast()
    cell.cell_contents = object()
    assert not fast()
    empty = types.CellType()
    fast = watched(watch("cell", empty, None, ABSENT))
    assert fast()
    empty.cell_contents = None
    assert not fast()


@native
@pytest.mark.parametrize("key", ["key", 7, -1, 2**80, (1, "a"), 1.5, True])
def test_watch_of_a_dict(key):
    first, space = 5, {}  # an int: its value is no address
    fast = watched(watch("dict", space, key, first))
    assert not fast()
    space[key] = first
    assert fast()
    space |= {str(i): i for i in range(1000)}
    assert fast()
    space[key] = 6
    assert not fast()
    fast = watched(watch("dict", space, "other", ABSENT))
    assert fast()
    space["other"] = 1
    assert not fast()


@native
def test_an_equal_number_is_for_the_slow_path_to_judge():
    number = 1e6
    space = {"key": number}
    fast, driven = both(
        ROSENBROCK, Signature((PAIR,), (NUMBER, PAIR), 0, watches=(watch("dict", space, "key", number),))
    )
    space["key"] = float("1e6")
    assert is_slow(fast(np.ones(2)))
    assert driven(np.ones(2)) == 0.0


@native
def test_watch_of_an_attribute():
    class Config:
        rate = "slow"

    config = Config()
    fast = watched(watch("attr", config, "rate", Config.rate))
    assert fast()
    config.rate = "quick"
    assert not fast()
    del config.rate
    assert fast()
    del Config.rate
    assert not fast()
    fast = watched(watch("attr", config, "rate", ABSENT))
    assert fast()
    Config.rate = 1
    assert not fast()


@native
def test_an_attribute_that_raises():
    class Config:
        @property
        def rate(self):
            raise ZeroDivisionError("mine")

    fast = watched(watch("attr", Config(), "rate", None))
    with pytest.raises(ZeroDivisionError, match="mine"):
        fast()


@native
def test_watch_of_a_function():
    def f(x, y=1, *, z=2):
        return x

    def g(x, y=1, *, z=2):
        return y

    code, defaults, kwdefaults = f.__code__, f.__defaults__, f.__kwdefaults__
    fast = watched(watch("code", f, None, (code, defaults, kwdefaults)))
    assert fast()
    f.__code__ = g.__code__
    assert not fast()
    f.__code__ = code
    assert fast()
    f.__defaults__ = (3,)
    assert not fast()
    f.__defaults__ = defaults
    assert fast()
    f.__kwdefaults__ = None
    assert not fast()
    f.__kwdefaults__ = kwdefaults
    assert fast()
    assert watched(watch("code", is_slow, None, (is_slow.__code__, None, None)))()


@native
@pytest.mark.parametrize("n", [0, 3, 64, 65, 500])
@pytest.mark.parametrize("kind", [list, collections.deque])
def test_watch_of_a_list(kind, n):
    entries = [object() for _ in range(n)]
    owner = kind(entries)
    fast = watched(watch("list", owner, None, tuple(entries)))
    assert fast()
    owner.append(None)
    assert not fast()
    owner.pop()
    assert fast()
    if n:
        owner[n - 1] = object()
        assert not fast()
        owner.clear()
        assert not fast()


@native
@pytest.mark.parametrize("n", [0, 3, 32, 33, 300])
def test_watch_of_the_items_of_a_dict(n):
    keys, values = [str(i) for i in range(n)], [object() for _ in range(n)]
    owner = dict(zip(keys, values, strict=True))
    fast = watched(watch("items", owner, None, tuple(x for item in owner.items() for x in item)))
    assert fast()
    owner["new"] = None
    assert not fast()
    del owner["new"]
    assert fast()
    if n:
        owner[keys[0]] = None
        assert not fast()
        owner[keys[0]] = values[0]
        assert fast()
        del owner[keys[0]]
        owner[keys[0]] = values[0]  # in another order
        assert fast() == (n == 1)


@native
def test_watch_of_an_array():
    x = np.arange(12.0).reshape(3, 4)
    header = lambda: (x.__array_interface__["data"][0], x.shape, x.strides, x.dtype)
    for x in (np.arange(12.0).reshape(3, 4), np.arange(12.0).reshape(3, 4).T, np.array(1.0), np.zeros((0, 2))):
        fast = watched(watch("array", x, None, header()))
        assert fast()
        x[...] = x + 1
        assert fast()
        for k, v in enumerate((8, (6, 2)[: x.ndim] or (1,), (8, 24)[: x.ndim], np.dtype("i8"))):
            if k == 2 and not x.ndim:
                continue
            wrong = list(header())
            wrong[k] = wrong[k] + v if k == 0 else v
            assert not watched(watch("array", x, None, tuple(wrong)))()


@native
@pytest.mark.parametrize("dtype", ["f8", "f4", "i8", "?", ">f8", "c16", "U4"])
@pytest.mark.parametrize("layout", ["plain", "strided"])
def test_watch_of_bytes(dtype, layout):
    base = np.array([[0, 1], [1, 0], [1, 1], [0, 0]]).astype(dtype)
    x = base if layout == "plain" else base[::2]
    fast = watched(watch("bytes", x, None, x.copy()))
    assert fast()
    x[1, 1] = x[0, 1] if x[1, 1] != x[0, 1] else x[0, 0]
    assert not fast()


@native
def test_watch_by_python():
    answers = [True]
    fast = watched(watch("python", lambda: answers[0], None, True))
    assert fast()
    answers[0] = 1
    assert not fast()
    fast = watched(watch("python", lambda: 1 / 0, None, True))
    with pytest.raises(ZeroDivisionError):
        fast()


@native
def test_a_strange_key_that_raises_in_a_watched_dict():
    class Strange:
        def __hash__(self):
            return hash("key")

        def __eq__(self, other):
            raise BufferError("strange")

    for expected in (None, ABSENT):
        watches = (watch("dict", {Strange(): 1}, "key", expected),)
        f = build(ROSENBROCK, Signature((PAIR,), (NUMBER, PAIR), structure=0, watches=watches))
        with pytest.raises(BufferError, match="strange"):
            f(np.array([1.0, 1.0]))


# -- captured arrays --------------------------------------------------------------------------------------


@native
def test_captured_arrays_are_read_anew():
    data = np.array([1.0, 1.0])
    spec = Signature((), (NUMBER, PAIR), structure=0, captured=(data,))
    for f in both(ROSENBROCK, spec):
        assert f() == 0.0
        data[:] = 3.0, 4.0
        assert f() == rosenbrock(data)[0]
        data.resize((3,), refcheck=False)
        assert is_slow(f())
        data.resize((2,), refcheck=False)
        data[:] = 1.0
        assert f() == 0.0


@native
@pytest.mark.parametrize("name", ["strided", "reversed", "misaligned"])
def test_captured_arrays_may_be_odd(name):
    data = ODD[name]
    for f in both(ROSENBROCK, Signature((), (NUMBER, PAIR), structure=0, captured=(data,)), refuse):
        assert f() == rosenbrock([3.0, 4.0])[0]
    with pytest.raises(InternalError, match="contiguous"):
        scalar_entry_ir(Signature((), (NUMBER,), captured=(data,)))


# -- scratch memory, threads ------------------------------------------------------------------------------

usleep = ctypes.cast(ctypes.CDLL(None).usleep, ctypes.c_void_p).value


def through_scratch(n: int, sleep: int) -> str:
    """scratch = in[0]; sleep; out[0] = scratch; out[1] = address of the scratch memory."""
    copy = """
  %p{k} = getelementptr double, ptr %{a}, i64 INDEX
  %q{k} = getelementptr double, ptr %{b}, i64 INDEX
  %v{k} = load double, ptr %p{k}
  store double %v{k}, ptr %q{k}"""
    return kernel(
        pointer("x", "in", 0)
        + pointer("y", "out", 0)
        + pointer("where", "out", 1)
        + "br label %i.before\ni.before:"
        + loop(n, copy.format(k=1, a="x", b="scratch"), "i", "middle")
        + f"""middle:
  %number = ptrtoint ptr %scratch to i64
  store i64 %number, ptr %where
  %slept = call i32 inttoptr (i64 {usleep} to ptr)(i32 {sleep})
  br label %j.before
j.before:"""
        + loop(n, copy.format(k=2, a="scratch", b="y"), "j", "done")
        + "done:\n  ret i32 0"
    )


def scratch_spec(n: int, gil: bool) -> Signature:
    x = Array(F8, (n,))
    return Signature((x,), (x, Scalar(np.dtype("i8"), (int,))), (0, 1), scratch=8 * n, release_gil=gil)


@native
@pytest.mark.parametrize("n", [0, 1, 1024, 1025, 40_000])
@pytest.mark.parametrize("gil", [False, True])
def test_scratch_memory(n, gil):
    for f in both(through_scratch(n, 0), scratch_spec(n, gil), refuse):
        for seed in range(3):
            x = np.random.default_rng(seed).normal(size=n)
            y, where = f(x)
            np.testing.assert_array_equal(x, y)
            assert where % 64 == 0


@native
def test_threads_have_scratch_memory_of_their_own():
    n, rounds = 4096, 30
    f = build(through_scratch(n, 1000), scratch_spec(n, True), refuse)
    wrong, places = [], set()

    def work(seed):
        for r in range(rounds):
            x = np.full(n, seed + r / 64)
            y, where = f(x)
            places.add(where)
            if not np.array_equal(x, y):
                wrong.append((seed, r))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not wrong
    assert len(places) > 1, "the threads never met"
    alone = {f(np.zeros(n))[1] for _ in range(5)}
    assert len(alone) == 1, "the lock of the arena was not given back"


@native
def test_an_argument_taken_away_during_the_call():
    n = 100_000
    spec = scratch_spec(n, True)
    tree = Signature((Branch(list, spec.inputs),), spec.outputs, spec.structure, scratch=8 * n, release_gil=True)
    f = build(through_scratch(n, 20_000), tree, refuse)
    box, out = [np.arange(float(n))], []
    gone = weakref.ref(box[0])
    t = threading.Thread(target=lambda: out.append(f(box)[0]))
    t.start()
    while not out:
        box[0] = None if out else box[0]
    t.join()
    np.testing.assert_array_equal(out[0], np.arange(float(n)))
    box.clear()
    assert gone() is None


@native
def test_no_memory():
    huge = Array(F8, (2**58,))
    for gil in (False, True):
        for outputs in ((NUMBER, huge), (PAIR, huge, NUMBER)):
            f = build(kernel("ret i32 0"), Signature((), outputs, 0, release_gil=gil), refuse)
            for _ in range(3):
                with pytest.raises(MemoryError):
                    f()


# -- references -------------------------------------------------------------------------------------------


def resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


@native
def test_references_and_memory_stay():
    rate, cell, space, key, mode = object(), types.CellType(), {}, "".join(["ke", "y"]), object()
    config, inner, fine = types.SimpleNamespace(rate=rate), [np.ones(4)[::2]], lambda: True
    cell.cell_contents = space[key] = rate
    data = np.ones(3)
    spec = Signature(
        (PAIR, Branch(list, (PAIR,)), Same(mode), Scalar(F8, (float,))),
        (NUMBER, PAIR, Scalar(F8, (float,)), Scalar(np.dtype("?"), (bool,)), Scalar(np.dtype("?"), (np.bool_,))),
        ([0, 1, None], {key: 1, "s": (2, Same(mode), None)}, 1, 3, 4, 4),
        captured=(data,),
        watches=(
            watch("cell", cell, None, rate),
            watch("dict", space, key, rate),
            watch("attr", config, "rate", rate),
            watch("code", is_slow, None, (is_slow.__code__, None, None)),
            watch("attr", config, "none", ABSENT),
            watch("list", inner, None, (inner[0],)),
            watch("items", space, None, (key, rate)),
            watch("bytes", data, None, data.copy()),
            watch("list", inner, None, (inner[0],)),
            watch("python", fine, None, True),
        ),
    )
    clear = "".join(pointer(f"o{k}", "out", k) + f"store i8 0, ptr %o{k}\n" for k in (3, 4))
    text = ROSENBROCK.replace("  ret i32 0", clear + pointer("o2", "out", 2) + "store double 1.0, ptr %o2\nret i32 0")
    x, number = np.array([1.0, 1.0]), 2.5
    nothing = lambda *args, **kwargs: None
    objects = [rate, cell, space, key, mode, config, data, x, inner, inner[0], number, F8, np.dtype("?"), np.float64]
    objects += [np.ndarray, None, True, False, np.True_, np.False_, 0.0, 1.0, list, dict, is_slow, nothing, "rate", ()]
    objects += [AttributeError, is_slow.__code__]
    for gil, scratch in ((False, 0), (True, 100_000)):
        changed = dict(zip(spec.__match_args__, (getattr(spec, n) for n in spec.__match_args__), strict=True))
        f = build(text, Signature(**changed | {"release_gil": gil, "scratch": scratch}), nothing)
        failing = build(kernel("ret i32 1"), Signature(**changed | {"release_gil": gil}), nothing)
        assert f(x, inner, mode, number)[1]["s"] == (1.0, mode, None)

        def many(times, f=f, failing=failing):
            for _ in range(times):
                f(x, inner, mode, number)
                f(x, inner, mode, 1)
                f(x, inner, mode, number, k=2)
                failing(x, inner, mode, number)

        many(1000)
        gc.collect()
        before, memory = [sys.getrefcount(o) for o in objects], resident()
        many(25_000)
        gc.collect()
        after = [sys.getrefcount(o) for o in objects]
        # None and the small numbers have users elsewhere; a leak would show as thousands
        assert max(abs(a - b) for a, b in zip(before, after, strict=True)) < 50
        assert resident() - memory < 2000  # kilobytes


@native
def test_a_cycle_with_the_slow_path_is_collected():
    class Compiled:
        def slow(self, *args):
            return None

        def __del__(self):  # calls the code while everything around it is garbage
            alive.append(self.f(np.array([1.0, 1.0]))[0])

    alive = []
    for _ in range(5):
        c = Compiled()
        c.f = build(ROSENBROCK, VALUE_AND_GRADIENT, c.slow)
        gone = weakref.ref(c)
        del c
        gc.collect()
        assert gone() is None
    assert alive == [0.0] * 5


@native
def test_the_text_of_another_signature_is_refused():
    spec, twin = (Signature((PAIR,), (NUMBER, PAIR), structure=(0, 1)) for _ in range(2))
    library = Library(ROSENBROCK, entry=entry_ir(spec))
    with pytest.raises(KeyError):
        make_callable(library, twin, slow)


@native
def test_what_the_text_names_stays_alive():
    data, kept = np.array([1.0, 1.0]), np.array([2.0])
    cell = types.CellType(kept)
    spec = Signature((), (NUMBER, PAIR), 0, (data,), (watch("cell", cell, None, kept),))
    refs = weakref.ref(data), weakref.ref(kept)
    f = build(ROSENBROCK, spec)
    del data, kept, cell, spec
    gc.collect()
    assert f() == 0.0
    del f
    gc.collect()
    assert [r() for r in refs] == [None, None]


# -- without the native entry, with red zones ---------------------------------------------------------------


def test_an_unknown_build_drives_kernels_from_python(monkeypatch):
    monkeypatch.setattr(layout, "problem", lambda: "another interpreter")
    assert not layout.available()
    f = make_callable(Library(ROSENBROCK), VALUE_AND_GRADIENT, slow)
    assert type(f) is Driver
    assert f(np.array([1.0, 1.0]))[0] == 0.0


@pytest.mark.parametrize("broken", ["_objects", "_functions", "_arrays", "_dtypes", "_table", "_scalars"])
def test_a_field_elsewhere_is_noticed(monkeypatch, broken):
    monkeypatch.setattr(layout, broken, lambda: False)
    monkeypatch.setattr(layout, "problem", layout.problem.__wrapped__)
    assert "laid out in an unknown way" in layout.problem()


@pytest.mark.parametrize("field", ["VALUE", "TUPLE_ITEMS", "DATA", "NDIM", "DESCR", "FLAGS", "TYPE_NUM", "BYTEORDER"])
def test_a_wrong_offset_is_noticed(monkeypatch, field):
    monkeypatch.setattr(layout, field, getattr(layout, field) - 4)
    assert layout.problem.__wrapped__() is not None


def write(target: str, at: int, type_: str = "double", value: str = "1.0") -> str:
    return f"%w = getelementptr i8, ptr {target}, i64 {at}\nstore {type_} {value}, ptr %w, align 1\n"


N4 = "".join(f"%o{i} = getelementptr double, ptr %y, i64 {i}\nstore double 0.0, ptr %o{i}\n" for i in range(4))
BAD = {
    "past the output": (N4 + write("%y", 32), "outside of output 0"),
    "far past the output": (N4 + write("%y", 88), "outside of output 0"),
    "before the output": (N4 + write("%y", -1, "i8", "7"), "outside of output 0"),
    "past the scratch": (N4 + write("%scratch", 100, "i8", "7"), "outside of scratch"),
    "before the scratch": (N4 + write("%scratch", -8), "outside of scratch"),
    "into the argument": (N4 + write("%x", 8, value="2.0"), "into argument 0"),
    "past the argument": (N4 + write("%x", 32), "outside of argument 0"),
    "into the captured array": (N4 + write("%c", 0, value="2.0"), "into captured array 0"),
    "unwritten": (write("%y", 8), "a part of output 0 unwritten"),
}


@pytest.mark.parametrize("how", ["spec", "environment"])
@pytest.mark.parametrize("name", BAD)
def test_red_zones_catch_a_bad_kernel(name, how, monkeypatch):
    body, message = BAD[name]
    head = pointer("x", "in", 0) + pointer("c", "in", 1) + pointer("y", "out", 0)
    four, data = Array(F8, (4,)), np.ones(4)
    if how == "environment":
        monkeypatch.setenv("CAUCHY_DEBUG", "redzones")
    spec = Signature((four,), (four,), captured=(data,), scratch=100, redzones=how == "spec")
    f = make_callable(Library(kernel(head + body + "ret i32 0")), spec, refuse)
    with pytest.raises(InternalError, match=message):
        f(np.ones(4))
    assert make_callable(Library(kernel(head + N4 + "ret i32 0")), spec, refuse)(np.ones(4)).tolist() == [0.0] * 4


def test_red_zones_change_no_answer():
    for dtype in layout.DTYPES:
        assert driver.ZONE_BYTE > 1
        spec = Signature((Array(dtype, (3,)),), (Array(dtype, (3,)),), redzones=True)
        kind = (
            "i8" if dtype.kind == "b" else {"f8": "double", "f4": "float"}.get(dtype.str[1:], f"i{8 * dtype.itemsize}")
        )
        f = make_callable(Library(doubled(3, kind, "fadd" if dtype.kind == "f" else "or")), spec, refuse)
        x = np.array([0, 1, 1]).astype(dtype)
        np.testing.assert_array_equal(f(x), x + x if dtype.kind == "f" else x)


# -- functions of numbers -----------------------------------------------------------------------------------

# a x^2 + b with a guard: x >= 0
PARABOLA = kernel(
    "".join(pointer(n, "in", i) + f"%{n}.v = load double, ptr %{n}\n" for i, n in enumerate("xab"))
    + pointer("y", "out", 0)
    + """
  %s = fmul double %x.v, %x.v
  %as = fmul double %a.v, %s
  %r = fadd double %as, %b.v
  store double %r, ptr %y
  %fine = fcmp oge double %x.v, 0.0
  %code = select i1 %fine, i32 0, i32 1
  ret i32 %code"""
)


@native
@pytest.mark.parametrize("scratch", [0, 100_000])
def test_functions_of_numbers_for_c(scratch):
    spec = Signature((NUMBER,) * 3, (NUMBER,), scratch=scratch)
    library = Library(PARABOLA + scalar_entry_ir(spec))
    d, i, p = ctypes.c_double, ctypes.c_int, ctypes.c_void_p
    scalar = ctypes.CFUNCTYPE(d, d, d, d)(library.address("cauchy.scalar"))
    assert scalar(2.0, 3.0, 1.0) == 13.0
    assert np.isnan(scalar(-1.0, 3.0, 1.0))
    quad = ctypes.CFUNCTYPE(d, i, ctypes.POINTER(d))(library.address("cauchy.quad"))
    assert quad(3, (d * 3)(2.0, 3.0, 1.0)) == 13.0
    assert np.isnan(quad(2, (d * 3)(2.0, 3.0, 1.0)))
    f = LowLevelCallable(quad)
    np.testing.assert_allclose(scipy.integrate.quad(f, 0, 2, args=(3.0, 1.0))[0], 10.0, rtol=1e-14)
    user = ctypes.CFUNCTYPE(d, i, ctypes.POINTER(d), p)(library.address("cauchy.quad"))
    np.testing.assert_allclose(scipy.integrate.quad(LowLevelCallable(user), 0, 2, args=(3.0, 1.0))[0], 10.0, rtol=1e-14)


@native
def test_a_function_of_one_number_reads_captured_arrays():
    a, b = np.array(3.0), np.array([1.0])
    library = Library(PARABOLA + scalar_entry_ir(Signature((NUMBER,), (NUMBER,), captured=(a, b))))
    f = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(library.address("cauchy.scalar"))
    np.testing.assert_allclose(scipy.integrate.quad(LowLevelCallable(f), 0, 2)[0], 10.0, rtol=1e-14)
    a[...] = 6.0
    np.testing.assert_allclose(scipy.integrate.quad(LowLevelCallable(f), 0, 2)[0], 18.0, rtol=1e-14)
    b.resize((2,), refcheck=False)
    assert np.isnan(f(1.0))


def test_what_is_no_function_of_numbers():
    for inputs, outputs in (((PAIR,), (NUMBER,)), ((NUMBER,), (PAIR,)), ((NUMBER,), (NUMBER, NUMBER))):
        with pytest.raises(InternalError):
            scalar_entry_ir(Signature(inputs, outputs))


def test_the_text_has_no_fast_math():
    text = entry_ir(VALUE_AND_GRADIENT) + scalar_entry_ir(Signature((NUMBER,), (NUMBER,)))
    assert "fast" not in text
    assert VALUE_AND_GRADIENT.symbol in text


def test_nothing_is_said_by_compiling_nor_at_the_end_of_the_interpreter():
    """LLVM tells of passes that an entry would skip; a library may outlive the names of its module, and llvmlite's."""
    code = (
        "import collections, cauchy\n"
        "from cauchy.read.native import llvm\n"
        "for k in range(12): assert cauchy.grad(lambda x: x * x + k)(3.0) == 6.0\n"
        "collections.kept = llvm, llvm.Library('define i32 @f() { ret i32 1 }')\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stderr == ""
