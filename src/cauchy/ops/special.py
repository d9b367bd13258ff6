"""Special functions of scipy.special, elementwise."""

from ..graph import Primitive


def unary(name: str, low: float = -3.0, high: float = 3.0, *edges: float) -> Primitive:
    return Primitive(name, "special", ((low, high),), edges)


def binary(name: str, a: tuple[float, float], b: tuple[float, float], *edges: float) -> Primitive:
    return Primitive(name, "special", (a, b), edges)


# logistic
expit = unary("expit")
logit = unary("logit", 0.1, 0.9, 0.0, 1.0)
log_expit = unary("log_expit")

# error functions and the normal distribution
erf = unary("erf")
erfc = unary("erfc")
erfcx = unary("erfcx")
erfinv = unary("erfinv", -0.9, 0.9, -1.0, 1.0)
erfcinv = unary("erfcinv", 0.1, 1.9, 0.0, 2.0)
ndtr = unary("ndtr")
log_ndtr = unary("log_ndtr")
ndtri = unary("ndtri", 0.1, 0.9, 0.0, 1.0)

# gamma family
gamma = unary("gamma", 0.5, 4.0, 0.0)
gammaln = unary("gammaln", 0.5, 9.0, 0.0)
digamma = unary("digamma", 0.5, 9.0, 0.0)
polygamma = unary("polygamma", 0.5, 9.0, 0.0)  # static parameter `order`
beta = binary("beta", (0.5, 4.0), (0.5, 4.0), 0.0)
betaln = binary("betaln", (0.5, 9.0), (0.5, 9.0), 0.0)

# entropies
xlogy = binary("xlogy", (0.25, 4.0), (0.25, 4.0), 0.0)
xlog1py = binary("xlog1py", (0.25, 4.0), (-0.5, 4.0), -1.0)
entr = unary("entr", 0.125, 4.0, 0.0)
rel_entr = binary("rel_entr", (0.25, 4.0), (0.25, 4.0), 0.0)
kl_div = binary("kl_div", (0.25, 4.0), (0.25, 4.0), 0.0)

# modified Bessel functions of the first kind
i0 = unary("i0")
i1 = unary("i1")
i0e = unary("i0e", -3.0, 3.0, 0.0)
i1e = unary("i1e", -3.0, 3.0, 0.0)
iv = unary("iv")  # static parameter `order`, an integer
numpy_i0 = unary("numpy_i0")  # np.i0 has bits of its own
