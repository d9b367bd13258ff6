"""scipy.special, elementwise."""

import numpy as np
from scipy import special

from ... import ops as P

UFUNCS = """
    expit logit log_expit erf erfc erfcx erfcinv ndtr log_ndtr ndtri
    gamma gammaln beta betaln xlogy xlog1py entr rel_entr kl_div i0 i1 i0e i1e
""".split()

rules = {P.BY_NAME[name]: getattr(special, name) for name in UFUNCS} | {
    P.erfinv: special.erfinv,
    P.digamma: special.psi,
    P.polygamma: lambda x, *, order: special.polygamma(order, x),
    P.iv: lambda x, *, order: special.iv(order, x),
    P.numpy_i0: np.i0,
}
