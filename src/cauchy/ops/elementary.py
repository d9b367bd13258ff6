"""Elementwise primitives: they broadcast, and entry i of the result depends on entry i of the arguments alone.

`unary(name, low, high, *edges)` and `binary(...)`: the open interval from which laws draw arguments,
and the points where something happens: a kink, a pole, an end of the domain.
"""

from math import inf, pi

from ..graph import Primitive


def unary(name: str, low: float = -4.0, high: float = 4.0, *edges: float) -> Primitive:
    return Primitive(name, "elementary", ((low, high),), edges)


def binary(
    name: str, *edges: float, a: tuple[float, float] = (-4.0, 4.0), b: tuple[float, float] = (-4.0, 4.0)
) -> Primitive:
    return Primitive(name, "elementary", (a, b), edges)


POSITIVE = (0.125, 4.0)

# arithmetic
add = binary("add")
subtract = binary("subtract")
multiply = binary("multiply")
divide = binary("divide", 0.0, b=POSITIVE)
power = binary("power", 0.0, a=POSITIVE)
negative = unary("negative")
positive = unary("positive")
reciprocal = unary("reciprocal", 0.125, 4.0, 0.0)
square = unary("square")
sqrt = unary("sqrt", 0.125, 9.0, 0.0)
cbrt = unary("cbrt", 0.125, 9.0, 0.0)
hypot = binary("hypot", 0.0, a=POSITIVE)

# exponentials and logarithms
exp = unary("exp")
exp2 = unary("exp2")
expm1 = unary("expm1")
log = unary("log", 0.125, 9.0, 0.0)
log2 = unary("log2", 0.125, 9.0, 0.0)
log10 = unary("log10", 0.125, 9.0, 0.0)
log1p = unary("log1p", -0.75, 9.0, -1.0)
logaddexp = binary("logaddexp")
logaddexp2 = binary("logaddexp2")

# trigonometric and hyperbolic
sin = unary("sin")
cos = unary("cos")
tan = unary("tan", -1.4, 1.4, -pi / 2, pi / 2)
arcsin = unary("arcsin", -0.9, 0.9, -1.0, 1.0)
arccos = unary("arccos", -0.9, 0.9, -1.0, 1.0)
arctan = unary("arctan")
arctan2 = binary("arctan2", 0.0, b=POSITIVE)
sinh = unary("sinh")
cosh = unary("cosh")
tanh = unary("tanh")
arcsinh = unary("arcsinh")
arccosh = unary("arccosh", 1.25, 9.0, 1.0)
arctanh = unary("arctanh", -0.9, 0.9, -1.0, 1.0)
deg2rad = unary("deg2rad", -360.0, 360.0)
rad2deg = unary("rad2deg")

# piecewise: differentiable off their edges
absolute = unary("absolute", -4.0, 4.0, 0.0)
copysign = binary("copysign", 0.0, b=POSITIVE)
maximum = binary("maximum")
minimum = binary("minimum")
fmax = binary("fmax")
fmin = binary("fmin")
clip = Primitive("clip", "elementary", ((-4.0, 4.0), (-3.0, -1.0), (1.0, 3.0)))
where = Primitive("where", "elementary", ((-1.0, 1.0), (-4.0, 4.0), (-4.0, 4.0)))
remainder = binary("remainder", 0.0, b=(4.5, 6.0))
fmod = binary("fmod", 0.0, b=(4.5, 6.0))

# piecewise constant: the derivative is 0 off their edges
sign = unary("sign", -4.0, 4.0, 0.0)
heaviside = binary("heaviside", 0.0)
floor = unary("floor", -4.0, 4.0, 0.0, 1.0)
ceil = unary("ceil", -4.0, 4.0, 0.0, 1.0)
trunc = unary("trunc", -4.0, 4.0, 0.0, 1.0)
rint = unary("rint", -4.0, 4.0, 0.5, 1.5)
around = unary("around", -4.0, 4.0, 0.5, 1.5)
floor_divide = binary("floor_divide", 0.0, b=POSITIVE)

# sinc's n-th derivative, static parameter `order`, in the normalized form sin(pi x)/(pi x)
sinc = unary("sinc", -4.0, 4.0, 0.0)

# predicates and logic: integers and booleans come out
equal = binary("equal")
not_equal = binary("not_equal")
less = binary("less")
less_equal = binary("less_equal")
greater = binary("greater")
greater_equal = binary("greater_equal")
logical_and = binary("logical_and")
logical_or = binary("logical_or")
logical_xor = binary("logical_xor")
logical_not = unary("logical_not")
isnan = unary("isnan", -4.0, 4.0, inf)
isfinite = unary("isfinite", -4.0, 4.0, inf)
isinf = unary("isinf", -4.0, 4.0, inf)
signbit = unary("signbit", -4.0, 4.0, 0.0)
bitwise_and = Primitive("bitwise_and", "elementary")
bitwise_or = Primitive("bitwise_or", "elementary")
bitwise_xor = Primitive("bitwise_xor", "elementary")
invert = Primitive("invert", "elementary")
left_shift = Primitive("left_shift", "elementary")
right_shift = Primitive("right_shift", "elementary")
gcd = Primitive("gcd", "elementary")
lcm = Primitive("lcm", "elementary")

astype = unary("astype")  # static parameter `dtype`
