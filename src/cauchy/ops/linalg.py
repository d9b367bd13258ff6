"""Products and decompositions."""

from ..graph import Primitive


def linear_algebra(name: str, outputs: int = 1) -> Primitive:
    return Primitive(name, "linalg", outputs=outputs)


# products, each with the bits of the NumPy function it is named after
matmul = linear_algebra("matmul")
dot = linear_algebra("dot")
inner = linear_algebra("inner")
vdot = linear_algebra("vdot")
einsum = linear_algebra("einsum")  # (*operands; subscripts)
convolve = linear_algebra("convolve")  # mode
correlate = linear_algebra("correlate")  # mode

# systems and decompositions, on stacks of matrices
solve = linear_algebra("solve")
solve_triangular = linear_algebra("solve_triangular")  # lower, trans, unit_diagonal
inv = linear_algebra("inv")
det = linear_algebra("det")
slogdet = linear_algebra("slogdet", outputs=2)
cholesky = linear_algebra("cholesky")  # upper
cholesky_or_nan = linear_algebra("cholesky_or_nan")  # lower; all NaN for a matrix that has none, and never raises
eigh = linear_algebra("eigh", outputs=2)  # uplo
eigvalsh = linear_algebra("eigvalsh")  # uplo
svd = linear_algebra("svd", outputs=3)  # full_matrices
svdvals = linear_algebra("svdvals")
qr = linear_algebra("qr", outputs=2)  # mode reduced
pinv = linear_algebra("pinv")  # rcond
lstsq = linear_algebra("lstsq")  # rcond; the solution
lstsq_report = linear_algebra("lstsq_report", outputs=3)  # rcond; residuals, rank, singular values
