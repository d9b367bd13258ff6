"""NumPy's functions on traced arrays: NumPy's value, bit for bit, and NumPy's errors.

The tables below are expressions over the arrays of `ARRAYS`. Each is evaluated untraced and traced, and the
graph that came out is run again at other inputs: what the trace did not see must be a guard, never a constant.
"""

import warnings

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cauchy.errors import NoRule, Refused, TraceError
from cauchy.graph import INPUT, Graph, Node
from cauchy.tracer import is_traced, wrap
from cauchy.tracer.context import recording, state

_r = np.random.default_rng(7)
_spd = _r.standard_normal((4, 4))
ARRAYS = {
    "x": _r.standard_normal((3, 4)),
    "y": _r.standard_normal((3, 4)),
    "f": np.asfortranarray(_r.standard_normal((3, 4))),
    "x32": _r.standard_normal((3, 4)).astype(np.float32),
    "t": _r.standard_normal((2, 3, 4)),
    "t32": _r.standard_normal((2, 3, 4)).astype(np.float32),
    "o": _r.standard_normal((1, 3, 1)),
    "k": _r.integers(-5, 6, (3, 4)),
    "b": _r.random((3, 4)) > 0.4,
    "v": _r.standard_normal(5),
    "u": _r.standard_normal(5),
    "w": _r.random(5) + 0.5,
    "v32": _r.standard_normal(5).astype(np.float32),
    "c3": _r.standard_normal((2, 3)),
    "d3": _r.standard_normal(3),
    "i": np.array([2, 0, 4, 1, 0]),
    "j": np.array([[0, 2, -1, 1]]),
    "c": np.array([True, False, True, True, False]),
    "up": np.array([-1.0, 0.25, 0.5, 2.0, 3.5]),
    "n": np.array([1.0, np.nan, -np.inf, np.inf, 2.5]),
    "nn": np.where(_r.random((3, 4)) < 0.3, np.nan, _r.standard_normal((3, 4))),
    "e": np.zeros((0, 3)),
    "s": np.float64(0.7),
    "z": np.array(1.3),
    "q": np.array([0.1, 0.5, 0.9]),
    "m": _spd @ _spd.T + 4 * np.eye(4),
    "g": _r.standard_normal((4, 4)),
    "ms": _r.standard_normal((2, 3, 3)),
    "m32": _r.standard_normal((3, 3)).astype(np.float32),
    "tall": _r.standard_normal((6, 3)),
    "rhs": _r.standard_normal((6, 2)),
}

VALUES = """
# reshape and its kind
np.reshape(x, (4, 3))
np.reshape(x, -1)
np.reshape(x, (2, -1), order='F')
np.reshape(f, (2, 6), order='A')
np.reshape(f, (2, 6), copy=True)
np.reshape(s, (1, 1))
np.reshape(e, (3, 0))
np.reshape(x[::2, ::-1], (4, -1))
np.ravel(x)
np.ravel(f)
np.ravel(x, 'F')
np.ravel(f, 'K')
np.ravel(f, 'A')
np.ravel(t.transpose(1, 0, 2), order='K')
np.ravel(v[::2])
np.ravel(s)
np.transpose(x)
np.transpose(t, (1, 2, 0))
np.transpose(t, (-1, 0, 1))
np.permute_dims(t, (2, 0, 1))
np.matrix_transpose(t)
np.swapaxes(t, 0, -1)
np.moveaxis(t, 0, -1)
np.moveaxis(t, [0, 1], [-1, 0])
np.rollaxis(t, 2)
np.rollaxis(t, 0, 3)
np.squeeze(o)
np.squeeze(o, axis=0)
np.squeeze(o, axis=(0, -1))
np.squeeze(s)
np.expand_dims(x, 1)
np.expand_dims(x, (0, -1))
np.expand_dims(s, 0)
np.broadcast_to(d3, (2, 3))
np.broadcast_to(s, (2, 2))
np.broadcast_arrays(d3, c3, s)
np.copy(x)
np.copy(f)
np.copy(f, order='C')
np.copy(x, order='F')
np.copy(x.T[::2])
np.copy(s)
np.astype(x, np.float32)
np.astype(k, float)
x.astype(int)
x.astype(np.float32).astype(np.float64)
# joining
np.concatenate([x, y])
np.concatenate([x, y], axis=-1)
np.concatenate([x, k, x32], axis=0)
np.concatenate([x, y], axis=None)
np.concatenate([x32, k], dtype=np.float64)
np.concatenate([x32, x], dtype=np.float32)
np.concatenate([e, c3])
np.concat((v, [1.0, 2.0]))
np.concatenate([f, f.T.T], axis=1)
np.stack([x, y])
np.stack([x, y], axis=-1)
np.stack([s, s * 2, 1.0])
np.unstack(t, axis=1)
np.vstack([x, y[:1]])
np.vstack([v, u])
np.hstack([x, y])
np.hstack([v, u, s])
np.dstack([x, y])
np.dstack([v, u])
np.column_stack([v, u])
np.column_stack([x, d3])
np.block([[x, y], [y, x]])
np.block([v, u])
np.block([[x, d3[:, None]], [np.zeros((1, 4)), s]])
np.append(x, y)
np.append(x, y, axis=0)
np.append(v, 2.0)
# splitting
np.split(x, 2, axis=1)
np.split(v, [1, 3])
np.array_split(v, 3)
np.array_split(t, 2, axis=-1)
np.hsplit(x, 2)
np.vsplit(x, 3)
np.dsplit(t, [1, 3])
np.trim_zeros(np.concatenate([[0.0], v, [0.0]]))
# repeating and moving
np.tile(v, 3)
np.tile(x, (2, 1, 3))
np.tile(f, (2, 2))
np.tile(x, 1)
np.tile(x, (0, 2))
np.tile(s, 3)
np.repeat(x, 2)
np.repeat(x, 3, axis=1)
np.repeat(x, [1, 0, 2], axis=0)
np.repeat(v, i)
np.repeat(s, 4)
np.flip(x)
np.flip(x, 1)
np.flip(t, (0, -1))
np.fliplr(x)
np.flipud(x)
np.roll(v, 2)
np.roll(v, -8)
np.roll(x, 1)
np.roll(x, 1, axis=0)
np.roll(x, (1, -2), axis=(0, 1))
np.roll(x, (1, 1), axis=0)
np.roll(t, 2, axis=-1)
np.roll(f, 1, axis=1)
np.roll(e, 1)
np.rot90(x)
np.rot90(x, 2)
np.rot90(t, -1, axes=(1, 2))
np.resize(v, (2, 4))
np.resize(x, 5)
np.pad(v, 2)
np.pad(x, ((1, 0), (0, 2)))
np.pad(x, 1, constant_values=3)
np.pad(x, ((1, 1), (2, 2)), constant_values=((1, 2), (3, 4)))
np.pad(x, 1, constant_values=s)
np.pad(x32, (1, 2), mode='edge')
np.pad(v, (7, 9), mode='reflect')
np.pad(x, 2, mode='reflect')
np.pad(x, ((0, 5), (3, 0)), mode='symmetric')
np.pad(t, 1, mode='wrap')
np.pad(v, (0, 0), mode='edge')
np.pad(f, {1: (1, 2)}, mode='edge')
np.insert(v, 1, 5.0)
np.insert(v, [1, 3], s)
np.insert(x, 1, d3, axis=1)
np.insert(v, slice(0, 4, 2), u[:2])
np.delete(v, 2)
np.delete(v, [0, -1])
np.delete(x, slice(0, 3, 2), axis=1)
np.delete(x, 1, axis=0)
# diagonals and triangles
np.diag(v)
np.diag(v, 2)
np.diag(v, -1)
np.diag(x)
np.diag(x, 1)
np.diag(x, -2)
np.diag(x, 7)
np.diagflat(x, -1)
np.diagonal(x)
np.diagonal(t, 1, 0, 2)
np.diagonal(t, -1, 2, 1)
np.diagonal(f.T)
np.linalg.diagonal(t, offset=1)
np.trace(x)
np.trace(k)
np.trace(t, 1, 1, 2)
np.trace(x32, dtype=float)
np.linalg.trace(t)
np.tril(x)
np.tril(t, -1)
np.triu(x, 1)
np.triu(k)
np.triu(v)
np.meshgrid(v, d3)
np.meshgrid(v, d3, indexing='ij')
np.meshgrid(v, d3, s, sparse=True)
np.atleast_1d(s)
np.atleast_1d(s, x)
np.atleast_2d(v)
np.atleast_3d(v, x, t)
np.shape(x)
np.ndim(s)
np.size(x)
np.size(x, 1)
np.apply_along_axis(np.sum, 0, x)
np.apply_along_axis(lambda r: r * r[0], 1, x)
np.apply_along_axis(np.sort, -1, t)
np.apply_over_axes(np.sum, t, [0, 2])
# arrays like others
np.zeros_like(x)
np.zeros_like(x, dtype=int)
np.zeros_like(s)
np.ones_like(k)
np.ones_like(x, shape=(2, 2))
np.full_like(x, 2.5)
np.full_like(k, 3)
np.full_like(x, s)
np.full_like(x32, d3[:, None])
# choices
np.where(b, x, y)
np.where(b, x32, 0.0)
np.where(x > 0, x, k)
np.where(s > 0, v, 1)
np.where(x > 0)
np.where(c)
np.select([x > 1, x < 0], [x, y], 0.5)
np.select([x > 0], [k])
np.select([v > 0, v < -1], [v ** 2, s])
np.piecewise(x, [x < 0, x >= 0], [-1, 1])
np.piecewise(v, [v < 0], [lambda a: -a, lambda a: a ** 2])
np.choose(np.array([0, 1, 1, 0]), [m[0], m[1]])
np.choose(i % 3, [v, u, 1.0])
np.choose(i, [v, u], mode='clip')
np.choose(i, [v, u], mode='wrap')
np.clip(x, -0.5, 0.5)
np.clip(x, None, 0.5)
np.clip(x, 0, None)
np.clip(x, y, y + 1)
np.clip(x32, 0.0, 1.0)
np.clip(k, -2, 2)
np.clip(k, -2.5, 2)
np.clip(x, min=0.1)
np.clip(s, 1.0, 2.0)
np.round(x, 2)
np.around(x32)
np.round(s, 1)
np.round(k)
np.fix(x)
np.sinc(x)
np.sinc(x32)
np.sinc(k)
np.sinc(s)
np.i0(v)
np.real(x)
np.imag(x)
np.angle(x)
np.real_if_close(x)
np.nan_to_num(n)
np.nan_to_num(n, nan=1.0, posinf=2.0, neginf=s)
np.nan_to_num(k)
np.nan_to_num(s)
np.linspace(s, 2.0, 5)
np.linspace(v, 1, 3)
np.linspace(0, s, 4, endpoint=False)
np.linspace(d3, d3 + 1, 4, axis=-1, retstep=True)
np.logspace(s, 2, 4)
np.geomspace(w, 10.0, 4)
np.polyval([1.0, 2.0, 3.0], x)
np.polyval(v, s)
np.polyval(v, u)
np.vander(v)
np.vander(v, 3, increasing=True)
np.polyadd(v, u[:2])
np.polysub(v[:2], u)
np.polyder(v)
np.polyint(v)
# questions
np.iscomplexobj(x)
np.isrealobj(x)
np.isreal(x)
np.iscomplex(x)
np.isposinf(n)
np.isneginf(n)
np.isclose(x, x + 1e-9)
np.isclose(n, n, equal_nan=True)
np.isclose(s, 0.7)
np.isclose(x32, 1)
np.allclose(x, y)
np.array_equal(x, x)
np.array_equal(n, n)
np.array_equal(n, n, equal_nan=True)
np.array_equal(x, v)
np.array_equiv(x, x[:1])
np.isin(k, [1, 2, -3])
np.isin(k, [1, 2], invert=True)
np.isin(i, k)
np.result_type(x32, 1.0)
np.result_type(x32, k)
np.can_cast(x32, int)
np.common_type(x32, k)
np.min_scalar_type(x)
np.array2string(v)
np.array_str(x)
# positions
np.take(v, 3)
np.take(v, [0, -1, 2])
np.take(x, [0, 2], axis=0)
np.take(x, [[0, 2], [1, 1]], axis=1)
np.take(t, [1, 0], axis=-2)
np.take(x, 5)
np.take(v, [7, -9], mode='wrap')
np.take(v, [7, -9], mode='clip')
np.take(v, i)
f.copy().ravel('K')
x.reshape(3, 4, order='F', copy=True)
np.take(f, 1, axis=1)
np.take(v, [])
np.take_along_axis(x, np.argsort(x, axis=1), axis=1)
np.take_along_axis(x, j, axis=0)
np.take_along_axis(x[:1], np.argsort(y, axis=1), axis=1)
np.take_along_axis(x, i, axis=None)
np.compress([True, False, True], x, axis=0)
np.compress(c, v)
np.extract(x > 0, x)
np.nonzero(x > 0)
np.nonzero(k)
np.argwhere(k > 1)
np.flatnonzero(c)
np.searchsorted(up, v)
np.searchsorted(up, 0.5, side='right')
np.searchsorted([0, 1, 2], x32)
np.searchsorted(v, 0.3, sorter=np.argsort(v))
np.digitize(v, up)
np.digitize(x, up[::-1])
np.digitize(v, up, right=True)
np.tril_indices_from(x)
np.triu_indices_from(x, 1)
np.diag_indices_from(m)
np.ix_(i, c)
x[np.ix_([0, 2], [1, 3])]
np.unravel_index(i, (2, 3))
np.unravel_index(i, (2, 3), order='F')
np.ravel_multi_index((i % 2, i % 3), (2, 3))
np.ravel_multi_index((i, i), (2, 3), mode='clip')
# order
np.sort(v)
np.sort(x)
np.sort(x, axis=0)
np.sort(x, axis=None)
np.sort(k, kind='stable')
np.sort(n)
np.argsort(x)
np.argsort(x, axis=None)
np.argsort(k, axis=0, stable=True)
np.lexsort((v, i))
np.lexsort((k[0], k[1], k[2]))
np.unique(k)
np.unique(v)
np.unique(n)
np.median(v)
np.median(x)
np.median(x, axis=0)
np.median(x, axis=1, keepdims=True)
np.median(t, axis=(0, 2))
np.median(t, axis=(0, 2), keepdims=True)
np.median(k, axis=0)
np.median(x32, axis=-1)
np.median(nn, axis=0)
np.median(n)
np.median(s)
np.quantile(v, 0.3)
np.quantile(v, q)
np.quantile(x, [0.25, 0.5, 1.0], axis=1)
np.quantile(x, 0.75, axis=0, keepdims=True)
np.quantile(t, q, axis=(0, 1), keepdims=True)
np.quantile(x32, 0.4)
np.quantile(x32, q)
np.quantile(k, 0.6, axis=0)
np.quantile(x, [0, 1])
np.quantile(nn, 0.5, axis=1)
np.quantile(v, 0.3, method='hazen')
np.quantile(v, 0.95, method='weibull')
np.quantile(v, 0.01, method='median_unbiased')
np.quantile(x, q, axis=1, method='normal_unbiased')
np.quantile(v, 0.3, method='interpolated_inverted_cdf')
np.quantile(v, 0.3, method='lower')
np.quantile(v, [0.3, 0.4], method='higher')
np.quantile(v, 0.3, method='nearest')
np.quantile(v, 0.3, method='midpoint')
np.quantile(v, 0.3, method='inverted_cdf')
np.quantile(v, 0.4, method='averaged_inverted_cdf')
np.quantile(v, 0.3, method='closest_observation')
np.percentile(x, 30)
np.percentile(x, [10, 90], axis=0)
np.percentile(k, 33.3)
# differences and integrals
np.diff(v)
np.diff(x, n=2)
np.diff(x, axis=0, prepend=0.0, append=y[:1])
np.diff(b)
np.diff(v, n=0)
np.ediff1d(x)
np.ediff1d(v, to_begin=0.0, to_end=[1.0, 2.0])
np.gradient(v)
np.gradient(v, 0.5)
np.gradient(x)
np.gradient(x, s, axis=0)
np.gradient(v, up)
np.gradient(v, up, edge_order=2)
np.gradient(v, edge_order=2)
np.gradient(x32, axis=-1)
np.gradient(k, axis=1)
np.gradient(x, 2.0, 3.0)
np.trapezoid(v)
np.trapezoid(v, up)
np.trapezoid(x, dx=s, axis=0)
np.trapezoid(x, y)
np.trapezoid(x32)
np.unwrap(v * 4)
np.unwrap(x * 3, axis=0)
np.unwrap(v * 4, discont=3.5, period=6.0)
np.cumulative_sum(v)
np.cumulative_sum(x, axis=1, include_initial=True)
np.cumulative_prod(x, axis=0, include_initial=True)
np.cumulative_prod(k, axis=0)
np.convolve(v, u)
np.convolve(v, d3, 'same')
np.convolve(d3, v, mode='valid')
np.convolve(v32, v32)
np.convolve(v, 2.0)
np.correlate(v, d3)
np.correlate(v, u, 'full')
np.correlate(v32, v32, mode='same')
np.interp(v, up, u)
np.interp(s, up, u)
np.interp(x, up, u, left=0.0, right=s)
np.interp(0.1, up, u)
np.interp(up, up, u)
np.interp(n, up, u)
np.interp(up, [0.0, 1.0, 1.0, 2.0, 2.0], u)
np.interp(v, [0.0], [2.0])
np.interp(v * 9, up, u, period=4.0)
np.interp(x32, [0, 1], [1, 3])
np.cov(x)
np.cov(v, u)
np.cov(x, rowvar=False)
np.cov(x, bias=True)
np.cov(x, ddof=2)
np.cov(v)
np.cov(x, aweights=w[:4])
np.cov(x, fweights=[1, 2, 1, 3])
np.corrcoef(x)
np.corrcoef(v, u)
np.bincount(i)
np.bincount(i, weights=v)
np.bincount(i, weights=v, minlength=9)
# without the NaN
np.nansum(nn, axis=0)
np.nanprod(nn, axis=1)
np.nanmean(nn)
np.nanmean(nn, axis=0)
np.nanmean(x, axis=1, keepdims=True)
np.nanvar(nn, axis=1)
np.nanvar(nn, ddof=1)
np.nanstd(nn, axis=0)
np.nanstd(nn)
np.nanmax(nn)
np.nanmax(nn, axis=0)
np.nanmin(nn, axis=1, keepdims=True)
np.nancumsum(nn, axis=0)
np.nancumprod(nn)
np.nanargmax(nn, axis=1)
np.nanargmin(nn)
# products
np.dot(v, u)
np.dot(x, m)
np.dot(t, m)
np.dot(2.0, v)
np.dot(x, [1.0, 2.0, 3.0, 4.0])
np.dot(k, k.T)
np.vdot(x, y)
np.inner(x, y)
np.inner(v, u)
np.inner(s, v)
np.outer(v, d3)
np.outer(x, s)
np.linalg.outer(v, u)
np.matmul(x, m)
np.linalg.matmul(t, m)
np.linalg.vecdot(x, y)
np.linalg.vecdot(x, y, axis=0)
np.linalg.vecdot(t, x)
np.vecdot(x, y)
np.matvec(ms, d3) if hasattr(np, 'matvec') else 0
np.vecmat(d3, ms) if hasattr(np, 'vecmat') else 0
np.tensordot(x, y)
np.tensordot(x, m, 1)
np.tensordot(t, x, axes=([1, 2], [0, 1]))
np.tensordot(t, x, axes=([2], [1]))
np.tensordot(v, u, 0)
np.linalg.tensordot(x, m, axes=1)
np.kron(x, d3)
np.kron(v, u)
np.kron(x, m)
np.kron(f, x.T)
np.cross(d3, c3)
np.cross(c3, d3[::-1])
np.cross(ms, ms[::-1], axis=1)
np.cross(c3.T, d3, axisa=0)
np.cross(np.arange(3), d3)
np.linalg.cross(c3, c3[::-1])
np.einsum('ij,jk->ik', x, m)
np.einsum('ij,jk', x, m)
np.einsum('ij,ij', x, y)
np.einsum('ij->ji', x)
np.einsum('ii', m)
np.einsum('ii->i', m)
np.einsum('i...->...', t)
np.einsum('...j,jk->...k', t, m)
np.einsum('bij,bjk->bik', ms, ms)
np.einsum('i,i,i->', v, u, w)
np.einsum(x, [0, 1], m, [1, 2], [0, 2])
np.einsum(x, [0, 1], m, [1, 2])
np.einsum(t, [0, Ellipsis], [Ellipsis])
np.einsum('ij,jk,kl->il', x, m, g, optimize=True)
np.einsum('ij,jk,kl->il', x, m, g, optimize='greedy')
np.einsum('bij,bjk->bik', ms, ms, optimize=True)
np.einsum('ij->i', x, optimize=True)
np.einsum('ij, jk -> k', x32, m)
np.einsum_path('ij,jk,kl->il', x, m, g)[0]
np.linalg.multi_dot([x, m])
np.linalg.multi_dot([x, m, g])
np.linalg.multi_dot([x.T, x, m, g])
np.linalg.multi_dot([x[0], m, g[0]])
np.linalg.matrix_power(m, 0)
np.linalg.matrix_power(m, 1)
np.linalg.matrix_power(m, 2)
np.linalg.matrix_power(ms, 3)
np.linalg.matrix_power(m, 5)
np.linalg.matrix_power(m, -2)
# systems and decompositions
np.linalg.solve(m, g)
np.linalg.solve(m, v[:4])
np.linalg.solve(ms, ms[0])
np.linalg.solve(m32, m32[0])
np.linalg.inv(m)
np.linalg.inv(ms)
np.linalg.inv(k[:3, :3] + 20 * np.eye(3, dtype=int))
np.linalg.det(m)
np.linalg.det(ms)
np.linalg.det(m32)
np.linalg.slogdet(m)
np.linalg.slogdet(ms).logabsdet
np.linalg.cholesky(m)
np.linalg.cholesky(m, upper=True)
np.linalg.eigh(m)
np.linalg.eigh(m, 'U')
np.linalg.eigvalsh(m)
np.linalg.svd(x)
np.linalg.svd(x, full_matrices=False)
np.linalg.svd(x, compute_uv=False)
np.linalg.svd(m, hermitian=True)
np.linalg.svd(m, hermitian=True, compute_uv=False)
np.linalg.svd(ms).S
np.linalg.svdvals(tall)
np.linalg.qr(tall)
np.linalg.qr(x)
np.linalg.qr(tall, mode='r')
np.linalg.qr(x, mode='complete')
np.linalg.qr(ms).Q
np.linalg.pinv(tall)
np.linalg.pinv(x, 1e-3)
np.linalg.pinv(tall, rtol=None)
np.linalg.pinv(m, hermitian=True)
np.linalg.lstsq(tall, rhs)
np.linalg.lstsq(tall, rhs[:, 0])
np.linalg.lstsq(x, d3)
np.linalg.lstsq(tall, rhs, rcond=0.1)
np.linalg.matrix_rank(x)
np.linalg.matrix_rank(np.outer(v, u))
np.linalg.tensorsolve(np.reshape(m, (2, 2, 4)), np.reshape(g[0], (2, 2)))
np.linalg.tensorinv(np.reshape(m, (4, 2, 2)), ind=1)
np.linalg.matrix_transpose(t)
np.polyfit(up, v, 2)
# norms
np.linalg.norm(v)
np.linalg.norm(x)
np.linalg.norm(f)
np.linalg.norm(k)
np.linalg.norm(s)
np.linalg.norm(x, axis=0)
np.linalg.norm(x, axis=1, keepdims=True)
np.linalg.norm(x, keepdims=True)
np.linalg.norm(v, 1)
np.linalg.norm(v, 3)
np.linalg.norm(v, 0)
np.linalg.norm(v, np.inf)
np.linalg.norm(v, -np.inf)
np.linalg.norm(v, -1)
np.linalg.norm(x32, 2.5, axis=1)
np.linalg.norm(x, 'fro')
np.linalg.norm(x, 'nuc')
np.linalg.norm(x, 2)
np.linalg.norm(x, -2)
np.linalg.norm(x, 1)
np.linalg.norm(x, -1)
np.linalg.norm(x, np.inf)
np.linalg.norm(x, -np.inf)
np.linalg.norm(t, axis=(1, 2))
np.linalg.norm(t, 'nuc', axis=(0, 2), keepdims=True)
np.linalg.norm(t, 1, axis=(2, 0))
np.linalg.vector_norm(x)
np.linalg.vector_norm(t, axis=(0, 1), ord=1)
np.linalg.vector_norm(x, axis=-1, keepdims=True)
np.linalg.matrix_norm(t)
np.linalg.matrix_norm(x, ord=2, keepdims=True)
np.linalg.cond(m)
np.linalg.cond(m, 1)
np.linalg.cond(m, -2)
np.linalg.cond(ms, 'fro')
# of nothing, initial is left
np.max(e, initial=0.5)
np.max(e, axis=0, initial=0.5)
np.min(e, axis=1, initial=0.5)
np.max(e, axis=(0, 1), keepdims=True, initial=s)
np.min(x32[:0], axis=0, initial=2.5)
np.max(k[:0], initial=-3)
# layouts reach the last bit of a sum
np.sum(np.roll(f, 1, axis=0))
np.sum(np.take(t, [2, 0, 1], axis=1) ** 2, axis=1)
np.sum(np.tile(f, (7, 9)))
np.sum(np.pad(t, 3, mode='reflect'), axis=(0, 1))
np.mean(np.repeat(x, 9, axis=1) ** 3, axis=0)
np.add.reduce(np.transpose(t, (2, 0, 1)), axis=(0, 2))
"""

ERRORS = """
np.reshape(x, (5, 5))
np.reshape(x, (-1, -1))
np.reshape(x.T, 12, copy=False)
np.transpose(x, (0, 0))
np.transpose(x, (0, 1, 2))
np.swapaxes(x, 0, 2)
np.moveaxis(x, 0, 5)
np.squeeze(x, axis=0)
np.expand_dims(x, 5)
np.broadcast_to(x, (2, 2))
np.broadcast_arrays(v, d3)
np.concatenate([x, v])
np.concatenate([x, y[:, :2]])
np.concatenate([])
np.concatenate([x, y], axis=2)
np.concatenate([x, y], dtype=int)
np.stack([v, d3])
np.stack([])
np.vstack([v, d3])
np.split(v, 2)
np.dsplit(x, 2)
np.tile(v, -1)
np.repeat(v, -1)
np.repeat(v, [1, 2])
np.repeat(x, 2, axis=2)
np.flip(x, 2)
np.fliplr(v)
np.roll(x, 1, axis=2)
np.rot90(v)
np.pad(x, -1)
np.pad(x, 1.5)
np.pad(x, 1, mode='nonsense')
np.pad(e, 1, mode='reflect')
np.pad(x, 1, mode='edge', constant_values=1)
np.insert(v, 9, 1.0)
np.delete(v, 9)
np.diagonal(v)
np.diagonal(x, 0, 1, 1)
np.diag(t)
np.trace(v)
np.take(v, 9)
np.take(v, np.array([1.5]))
np.take(x, 0, axis=3)
np.take(e, 1)
np.take_along_axis(x, i, axis=0)
np.take_along_axis(x, np.array([[9, 0, 0, 0]]), axis=0)
np.compress(b, x)
np.choose(i, [v, u])
np.choose(v, [v, u])
np.select([], [])
np.select([x > 0], [x, y])
np.select([x], [x])
np.piecewise(x, [x > 0], [1, 2, 3])
np.digitize(v, u)
np.searchsorted(x, 1.0)
np.searchsorted(up, v, side='middle')
np.unravel_index(i, (2, 2))
np.ravel_multi_index((i, i), (2, 3))
np.ix_(x)
np.tril_indices_from(v)
np.sort(s)
np.sort(x, axis=2)
np.sort(v, kind='stable', stable=True)
np.sort(v, order='f0')
np.argsort(x, axis=-3)
np.median(x, axis=2)
np.quantile(v, 1.5)
np.quantile(v, q - 1)
np.quantile(v, 0.5, method='nonsense')
np.percentile(v, 101)
np.diff(v, n=-1)
np.diff(s)
np.gradient(v[:1])
np.gradient(v, d3)
np.gradient(v, 1.0, 2.0)
np.gradient(v, edge_order=3)
np.convolve(e, v)
np.convolve(v, v, mode='nonsense')
np.convolve(x, v)
np.interp(v, up, d3)
np.interp(v, [], [])
np.interp(v, up, u, period=0)
np.cov(t)
np.cumulative_sum(x)
np.cumulative_sum(v, axis=1)
np.bincount(i, weights=d3)
np.bincount(i - 3, weights=v)
np.vander(x)
np.where(x, x)
np.clip(x, 0)
np.clip(x, 0, 1, min=2)
np.dot(x, v)
np.dot(x, y)
np.inner(x, v)
np.vdot(x, v)
np.tensordot(x, v, 1)
np.tensordot(x, y, ([0, 0], [0, 1]))
np.einsum('ij,jk', x, v)
np.einsum('ij,jk->iz', x, m)
np.einsum('ij', v)
np.cross(v, u)
np.cross(s, d3)
np.linalg.cross(v, u)
np.linalg.outer(x, v)
np.linalg.vecdot(x, v)
np.linalg.multi_dot([x])
np.linalg.matrix_power(x, 2)
np.linalg.matrix_power(m, 0.5)
np.linalg.solve(x, y)
np.linalg.solve(m, v)
np.linalg.solve(m * 0, m)
np.linalg.inv(x)
np.linalg.inv(m * 0)
np.linalg.det(v)
np.linalg.slogdet(x)
np.linalg.cholesky(-m)
np.linalg.eigh(x)
np.linalg.eigh(m, 'Q')
np.linalg.svd(v)
np.linalg.qr(v)
np.linalg.qr(m, mode='nonsense')
np.linalg.pinv(m, 1e-3, rtol=1e-3)
np.linalg.lstsq(tall, v)
np.linalg.norm(v, 'fro')
np.linalg.norm(x, 3)
np.linalg.norm(t, 2)
np.linalg.norm(x, axis=(0, 0))
np.linalg.norm(x, axis=1.5j)
np.linalg.cond(x, 1)
np.linalg.tensorinv(m, ind=0)
np.expand_dims(x, (0, 0))
np.reshape(x, (2, 6), order='Q')
np.fill_diagonal(v, 1.0)
np.put(v, [9], 1.0)
np.put_along_axis(x, i, 1.0, axis=0)
np.copyto(k, x)
np.place(v, v > 0, [])
np.putmask(v, b, 0.0)
"""

# statements on copies of the arrays, then what they are afterwards: writes and views
WRITES = """
a = x.reshape(-1); a[2] = 9.0 | x, a
a = x.reshape(4, 3); x[1, 1] = 9.0 | x, a
a = np.ravel(x); a *= 2 | x, a
a = x.flatten(); a[0] = 5.0 | x, a
a = np.ravel(f); a[0] = 5.0 | f, a
a = np.ravel(x[:, ::2]); a[0] = 5.0 | x, a
a = x.T; a[0] = d3 | x, a
a = x.T; x[0] = 1.0; a[1, 1] = 7.0 | x, a
a = np.swapaxes(t, 0, 2)[1]; a += 1.0 | t, a
a = np.moveaxis(t, 0, -1); a[0, 0, 0] = 3.0 | t, a
a = np.squeeze(o); a[1] = 4.0 | o, a
a = x[:, None]; a[0] = 1.0 | x, a
a = np.expand_dims(v, 0); a[0, 0] = 1.0; v[1] = 2.0 | v, a
a = x[1]; c0 = a[::2]; c0[:] = 0.0; x[1, 1] = 5.0 | x, a, c0
a, c0 = np.split(v, [2]); a[0] = 8.0; c0 += 1.0 | v, a, c0
a = np.flip(v); a[0] = 3.0 | v, a
a = np.rot90(x); a[0, 0] = 3.0 | x, a
a = np.atleast_2d(v); a[0, 1] = 2.0 | v, a
a = np.diagonal(m); m[1, 1] = 5.0 | m, a
a = np.einsum('ii->i', m); a[:] = 1.0 | m, a
a = np.einsum('ij->ji', x); a[1, 2] = 1.0 | x, a
a = np.reshape(x, (2, 6), order='F'); a[0] = 1.0 | x, a
a = np.reshape(f, (2, 6), order='F'); a[0] = 1.0 | f, a
a = np.reshape(f, (2, 6)); a[0] = 1.0 | f, a
a = np.broadcast_to(v, (2, 5)); v[0] = 1.0 | v, a
a = np.broadcast_to(v, (2, 5)).copy(); a[0] = 1.0 | v, a
a = np.copy(v); a[0] = 1.0 | v, a
a = np.tile(v, 1); a[0] = 1.0 | v, a
a = np.roll(v, 0); a[0] = 1.0 | v, a
a = v[[0, 1]]; a[0] = 1.0 | v, a
a = np.zeros_like(x); c0 = a.ravel(); c0[1] = s | a, c0
a = np.full_like(f, s); c0 = np.ravel(a, 'K'); c0[1] = 5.0; c0 = a.T; c0[0] = 1.0 | a, c0
a = np.full_like(f, d3[:, None]); c0 = a.ravel(); c0[1] = 5.0 | a, c0
a = np.zeros_like(s) + v; a[0] = s | a, v
a = v[v > 0]; a[:] = 1.0 | v, a
a = np.take(v, [0, 1]); a[0] = 1.0 | v, a
a = x[1:, ::2]; a += y[1:, ::2]; x *= 2 | x, a
np.fill_diagonal(m, 2.0) | m
np.fill_diagonal(m, [1.0, 2.0]) | m
np.fill_diagonal(tall, s, wrap=True) | tall
np.fill_diagonal(ms[:, :2, :2].copy(), 1.0) | ms
np.copyto(x, y) | x
np.copyto(x, y, where=b) | x
np.copyto(x, 1) | x
np.copyto(x, d3[:, None], where=x > 0) | x
np.copyto(k, x, casting='unsafe') if False else None | k
np.put(v, [0, -1], [1.0, 2.0]) | v
np.put(x, i, v) | x
np.put(x, [1, 30], 5.0, mode='clip') | x
np.put(x, [1, 30, 2], [5.0, 6.0], mode='wrap') | x
np.put_along_axis(x, j, 9.0, axis=0) | x
np.put_along_axis(x, np.argmax(x, axis=1)[:, None], s, axis=1) | x
np.place(v, v > 0, [1.0, 2.0]) | v
np.putmask(v, v > 0, u) | v
np.putmask(x, b, [1.0, 2.0]) | x
np.nan_to_num(n, copy=False) | n
v.sort() | v
x.sort(axis=0) | x
x.fill(s) | x
x[b] = 0.0 | x
x[x > 0] *= 2 | x
x[[0, 2, 0]] = y | x
x[i % 3, i % 4] = v | x
v[i] += 1.0 | v
np.add.at(v, i, u) | v
np.add.at(x, (slice(None), [0, 0, 1]), 1.0) | x
np.subtract.at(v, [0, 0], s) | v
np.add(x, y, out=x) | x
np.sum(x, axis=0, out=g[0]) | g
np.concatenate([v, u[:2]], out=t[0, 0].repeat(7)[:7]) | v
np.take(v, i, out=u) | u
np.clip(v, 0, 1, out=v) | v
np.dot(m, g, out=g) | g
"""

REFUSED = """
np.save('file', x)
np.histogram(v)
np.linalg.eig(m)
np.linalg.eigvals(m)
np.roots(v)
np.partition(v, 2)
np.argpartition(v, 2)
np.pad(v, 1, mode='linear_ramp')
np.pad(v, 1, mode='mean')
np.pad(v, 2, mode='reflect', reflect_type='odd')
np.unique(v, return_counts=True)
np.union1d(v, u)
np.quantile(v, 0.5, weights=w, method='inverted_cdf')
np.einsum('ij->i', x, dtype=np.float32)
np.linalg.qr(tall, mode='complete')
np.linalg.qr(tall, mode='raw')
np.linalg.pinv(ms, rcond=d3[:2])
np.cross(v[:2], u[:2])
np.full_like(k, s)
np.pad(k, 1, constant_values=s)
np.repeat(v, s)
np.roll(v, s)
np.clip(v, 0.0, 1.0, where=c, out=v)
np.sum(v, out=np.zeros(()))
np.add(v, u, out=np.zeros(5))
np.copyto(np.zeros(5), v)
np.put(np.zeros(5), [0], s)
np.fft.fft(v)
np.packbits(c)
"""

ALLOWED = (ValueError, IndexError, TypeError)


def rows(table):
    return [line for line in table.strip().splitlines() if line and not line.startswith("#")]


def fresh():
    return {name: a.copy(order="K") if isinstance(a, np.ndarray) else a for name, a in ARRAYS.items()}


def used(code):
    names = compile(code.replace("|", ";"), "expression", "exec").co_names
    return [n for n in ARRAYS if n in names]


def leaves(a):
    """The results one by one, with the containers that held them."""
    if isinstance(a, (tuple, list)) and not is_traced(a):
        yield type(a), len(a)
        for part in a:
            yield from leaves(part)
    else:
        yield a


def same(want, got, *, where=""):
    """Equal structure, kind (array or scalar), dtype, shape and bits; NaN equals NaN."""
    want, got = list(leaves(want)), list(leaves(got))
    assert len(want) == len(got)
    for a, b in zip(want, got, strict=True):
        if is_traced(b):
            b = b.value  # noqa: PLW2901
        assert isinstance(a, np.ndarray) == isinstance(b, np.ndarray), (where, type(a), type(b))
        if isinstance(a, (np.ndarray, np.generic)):
            assert (a.dtype, a.shape) == (b.dtype, b.shape), where
            assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), f"{where}\n{a}\n{b}"
            if a.dtype.kind == "f":
                assert np.array_equal(np.signbit(a) & ~np.isnan(a), np.signbit(b) & ~np.isnan(b)), where
        else:
            assert type(a) is type(b), (where, type(a), type(b))
            assert a == b, where


def moved(a):
    """Another input of the same kind, near enough that most decisions are the same again."""
    if a.dtype.kind != "f":
        return a
    return (a * a.dtype.type(1.0625) + a.dtype.type(0.001))[()]


def elsewhere(a):
    """Another input of the same kind, where most decisions come out otherwise."""
    if a.ndim == 0:
        return -a
    return np.array(-np.flip(a) if a.dtype.kind == "f" else np.flip(a), order="K")


def trace(code, which, mode="eval"):
    """The result of the code with these arrays as inputs, and the graph of its traced parts."""
    scope = fresh()
    with recording():
        nodes = [Node(INPUT, (), {}, scope[name]) for name in which]
        scope |= {name: wrap(n) for name, n in zip(which, nodes, strict=True)}
        if mode == "eval":
            result = eval(code, {"np": np}, scope)
        else:
            exec(code[0], {"np": np}, scope)
            result = eval(code[1], {"np": np}, scope)
        parts = [p for p in leaves(result) if is_traced(p)]
        graph = Graph(tuple(nodes), tuple(p.node for p in parts), tuple(state.guards))
    return result, graph


def replay(want, result, graph, inputs, where):
    """The graph at other inputs gives NumPy's value there, or a guard says that the trace does not hold."""
    try:
        values = graph.run(*inputs)
    except (Refused, np.linalg.LinAlgError):
        return
    values = iter(values if isinstance(values, tuple) else (values,))
    again = [next(values) if is_traced(p) else p for p in leaves(result)]
    wanted = list(leaves(want))
    same([w for w in wanted if type(w) is not tuple], [a for a in again if type(a) is not tuple], where=where)


@pytest.mark.parametrize("code", rows(VALUES))
def test_value(code):
    want = eval(code, {"np": np}, fresh())
    names = used(code)
    floats = [n for n in names if ARRAYS[n].dtype.kind == "f"]
    for which in [names] if floats in (names, []) else [names, floats]:
        result, graph = trace(code, which)
        same(want, result, where=code)
        for move in (moved, elsewhere) if graph.outputs else ():
            other = fresh() | {n: move(ARRAYS[n]) for n in which}
            with np.errstate(all="ignore"), warnings.catch_warnings(action="ignore", category=RuntimeWarning):
                try:
                    again = eval(code, {"np": np}, dict(other))
                except ALLOWED:
                    continue
                replay(again, result, graph, [other[n] for n in which], code)


@pytest.mark.parametrize("code", rows(ERRORS))
def test_error(code):
    with pytest.raises(ALLOWED) as numpy_error:
        eval(code, {"np": np}, fresh())
    kinds = tuple(k for k in ALLOWED if isinstance(numpy_error.value, k))
    with pytest.raises(kinds):
        trace(code, used(code))


@pytest.mark.parametrize("code", rows(WRITES))
def test_write(code):
    statement, outcome = (part.strip() for part in code.split("|"))
    scope = fresh()
    exec(statement, {"np": np}, scope)
    want = eval(outcome, {"np": np}, scope)
    names = [n for n in ARRAYS if n in used(statement) or n in outcome.replace(",", " ").split()]
    result, graph = trace((statement, outcome), names, mode="exec")
    same(want, result, where=code)
    other = fresh() | {n: moved(ARRAYS[n]) for n in names}
    inputs = [other[n].copy() for n in names]
    exec(statement, {"np": np}, other)
    replay(eval(outcome, {"np": np}, other), result, graph, inputs, code)


@pytest.mark.parametrize("code", rows(REFUSED))
def test_refusal_names_the_line(code):
    with pytest.raises((TraceError, NoRule)) as refusal:
        trace(code, used(code))
    assert refusal.value.where is not None
    assert refusal.value.why


@pytest.mark.parametrize("name", ["diagonal", "broadcast_to"])
def test_read_only_views(name):
    with recording():
        m = wrap(Node(INPUT, (), {}, ARRAYS["m"].copy()))
        part = np.diagonal(m) if name == "diagonal" else np.broadcast_to(m, (2, 4, 4))
        with pytest.raises((ValueError, TypeError)):
            part[0] = 1.0


# -- indexing: any key, read and written ----------------------------------------------------------------


@st.composite
def indexing(draw):
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    if draw(st.booleans()):
        return shape, draw(hnp.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True))
    kind = draw(st.sampled_from(["integers", "mask", "mixed", "leading mask"]))
    if kind == "integers":
        return shape, draw(hnp.integer_array_indices(shape, result_shape=hnp.array_shapes(max_dims=2, max_side=4)))
    if kind == "mask":
        return shape, draw(hnp.arrays(bool, shape))
    if kind == "leading mask":
        return shape, (draw(hnp.arrays(bool, shape[:1])), Ellipsis)
    steps = st.sampled_from([slice(None), slice(None, None, -1), slice(1, None), slice(-1, None, -2)])
    key = [draw(st.one_of(steps, hnp.arrays(int, 3, elements=st.integers(-n, n - 1)))) for n in shape]
    return shape, tuple(key)


few = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(indexing(), st.booleans())
def test_reading_any_key(case, fortran):
    shape, key = case
    a = np.asarray(np.random.default_rng(1).standard_normal(shape), order="F" if fortran else "C")
    want = a[key]
    with recording():
        x = wrap(Node(INPUT, (), {}, a))
        got = x[key]
        same(want, got)
        if isinstance(want, np.ndarray) and want.size:
            # a view is a view in both worlds, a copy a copy
            tied = np.shares_memory(want, a)
            want[...] = 7.0
            if got.ndim:
                got[...] = 7.0
                same(a, x)
                a[...], x[...] = 3.0, 3.0
                same(want, got)
            assert tied or np.all(want == 7.0)


@few
@given(indexing(), st.sampled_from(["scalar", "array", "row", "add"]), st.booleans())
def test_writing_any_key(case, what, through_view):
    shape, key = case
    r = np.random.default_rng(2)
    a, v = r.standard_normal(shape), r.standard_normal(np.zeros(shape)[key].shape)
    v = {"scalar": 2.5, "array": v, "row": v[:1] if np.ndim(v) else v, "add": v}[what]
    with recording():
        base = wrap(Node(INPUT, (), {}, a.copy()))
        view, plain = (base[::-1], a[::-1]) if through_view else (base, a)
        if what == "add":
            view[key] += v
            plain[key] += v
        else:
            view[key] = v
            plain[key] = v
        same(a, base)
        same(plain, view)
