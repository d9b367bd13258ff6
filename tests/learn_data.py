"""Data and linear models that several tests of cauchy.learn share."""

import numpy as np

from cauchy.learn import ElasticNet, Lasso, LinearRegression, LogisticRegression, Ridge

MODELS = [LinearRegression(), Ridge(), Lasso(), ElasticNet(), LogisticRegression()]


def regression(n=60, p=8, seed=0, k=None):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + rng.normal(size=p)
    w = rng.normal(size=(p,) if k is None else (p, k))
    return X, X @ w + rng.normal(size=(n,) if k is None else (n, k)) + 3.0


def classes(n=200, p=5, K=2, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p))
    z = X @ rng.normal(size=(p, K)) + rng.gumbel(size=(n, K))
    return X, z.argmax(axis=1)
