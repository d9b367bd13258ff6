"""Estimators on disk, without pickle: arrays as safetensors or npz, everything else as JSON in the same file.

A file holds data alone: the name of a class (looked up in a fixed table), parameters, fitted attributes. Reading one
runs no code of its author's.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import json
import math
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from scipy import sparse

from ..errors import CauchyError, DomainError
from ..proof import Proof, Verdict
from . import ESTIMATORS
from .certificate import Certificate, History

FORMAT = "cauchy-learn-1"
ENDINGS = (".safetensors", ".npz")
_RECORDS = {"certificate": Certificate, "history": History, "proof": Proof}
_KINDS = "fiub"  # of arrays that both formats hold as they are


def save(estimator: Any, path: str | Path) -> Path:
    """Write the estimator to one file; see `Estimator.save`."""
    path = Path(path)
    name = type(estimator).__name__
    if ESTIMATORS.get(name) is None or type(estimator) is not _class(name):
        raise DomainError(
            f"cannot save a {type(estimator).__qualname__}: only {', '.join(sorted(ESTIMATORS))} have a place on disk",
            fix="save its parameters and fitted attributes by hand",
        )
    if path.suffix not in ENDINGS:
        path = path.with_name(path.name + ENDINGS[0 if importlib.util.find_spec("safetensors") else 1])
    tensors: dict[str, np.ndarray] = {}
    params = estimator.get_params(deep=False)
    state = {k: v for k, v in vars(estimator).items() if k not in params}
    head = {
        "format": FORMAT,
        "class": name,
        "params": {k: _encode(v, tensors, f"the parameter {k}") for k, v in params.items()},
        "state": {k: _encode(v, tensors, f"the attribute {k}") for k, v in state.items()},
    }
    text = json.dumps(head, allow_nan=False)
    if path.suffix == ".npz":
        with path.open("wb") as out:
            np.savez(out, allow_pickle=False, head=np.frombuffer(text.encode(), np.uint8), **tensors)
    else:
        _safetensors().save_file(tensors, path, metadata={"cauchy": text})
    return path


def load(path: str | Path) -> Any:
    """The estimator that `save` wrote to `path`; its predictions are bit-identical.

    A name without the ending that `save` gave it will do. Reads data alone: no pickle, no class but those of
    `cauchy.learn`. Raises `DomainError` for a file that is none of ours or names an unknown class, or where the name
    stands for two files, and OSError where there is no such file.
    """
    path = _found(Path(path))
    if zipfile.is_zipfile(path):
        try:
            with np.load(path, allow_pickle=False) as file:
                tensors = {k: np.asarray(file[k]) for k in file.files}
        except (ValueError, TypeError) as e:
            raise _alien(path, str(e)) from e
        text = tensors.pop("head", np.zeros(0, np.uint8)).tobytes().decode(errors="replace")
    else:
        path.open("rb").close()  # no such file: OSError, whatever safetensors would say
        safetensors = _safetensors()
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                text = (file.metadata() or {}).get("cauchy", "")
                tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 (no mapping)
        except safetensors.error as e:
            raise _alien(path, str(e)) from e
    try:
        head = json.loads(text)
        if head["format"] != FORMAT:
            raise _alien(path, f"its format is {head['format']!r}, not {FORMAT!r}")
        name, params, state = head["class"], head["params"], head["state"]
        if name not in ESTIMATORS:
            raise DomainError(f"{path}: unknown class {name!r}", fix=f"one of {', '.join(sorted(ESTIMATORS))}")
        kind = _class(name)
        fields = {k: _decode(v, tensors) for k, v in state.items()}
        estimator = kind(**{k: _decode(v, tensors) for k, v in params.items()})
    except (KeyError, TypeError, ValueError) as e:
        if isinstance(e, CauchyError):
            raise
        raise _alien(path, f"{type(e).__name__}: {e}") from e
    taken = [k for k in fields if not k.isidentifier() or hasattr(kind, k)]
    if taken:
        raise _alien(path, f"it sets {taken[0]!r}, which is no fitted attribute of {name}")
    vars(estimator).update(fields)
    return estimator


def _found(path: Path) -> Path:
    """The file that is meant: the one named, or the one that `save` made of this name."""
    made = [path.with_name(path.name + ending) for ending in ENDINGS if path.name and path.suffix not in ENDINGS]
    there = [p for p in made if p.is_file()]
    if path.is_file() or not there:
        return path
    if len(there) > 1:
        names = " and ".join(p.name for p in there)
        raise DomainError(f"{path} may be {names}: both are there", fix="name the one that is meant, with its ending")
    return there[0]


def _class(name: str) -> type:
    return getattr(importlib.import_module(f"{__package__}.{ESTIMATORS[name]}"), name)


def _alien(path: Path, why: str) -> DomainError:
    return DomainError(f"{path} is no estimator saved by cauchy.learn", why=why)


def _safetensors() -> Any:
    try:
        from safetensors import SafetensorError, numpy, safe_open
    except ImportError as e:
        raise CauchyError(
            "files ending in .safetensors need the package safetensors",
            fix='pip install "cauchy-calculus[learn]", or save to a name that ends in .npz',
        ) from e

    return SimpleNamespace(save_file=numpy.save_file, safe_open=safe_open, error=SafetensorError)


# -- values as JSON: numbers and strings are themselves, everything else is {kind: ...} -----------------------------


def _encode(value: Any, tensors: dict[str, np.ndarray], what: str) -> Any:
    again: Callable[[Any], Any] = lambda v: _encode(v, tensors, what)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if isinstance(value, np.generic):
        return {"scalar": _encode_array(np.asarray(value), tensors, what)}
    if type(value) is np.ndarray:
        return _encode_array(value, tensors, what)
    if type(value) in (list, tuple):
        return {"list" if type(value) is list else "tuple": [again(v) for v in value]}
    if type(value) is dict:
        return {"dict": [[again(k), again(v)] for k, v in value.items()]}
    if isinstance(value, Verdict):
        return {"verdict": value.value}
    if isinstance(value, Certificate | History | Proof) and type(value) in _RECORDS.values():
        kind = next(kind for kind, record in _RECORDS.items() if type(value) is record)
        return {kind: {f.name: again(getattr(value, f.name)) for f in dataclasses.fields(value)}}
    if isinstance(value, sparse.csr_matrix | sparse.csr_array):
        parts = [again(a) for a in (value.data, value.indices, value.indptr)]
        return {"csr": [isinstance(value, sparse.csr_array), list(value.shape or ()), *parts]}
    raise DomainError(
        f"cannot save {what}: a {type(value).__module__}.{type(value).__qualname__} is not plain data",
        fix="numbers, strings, lists, tuples, dicts and arrays can be saved",
    )


def _encode_array(value: np.ndarray, tensors: dict[str, np.ndarray], what: str) -> Any:
    if value.dtype.kind not in _KINDS:
        plain = value.ravel().tolist()
        if value.dtype.kind not in "OU" or not all(v is None or type(v) in (bool, int, float, str) for v in plain):
            raise DomainError(f"cannot save {what}: an array of dtype {value.dtype} is not plain data")
        return {"texts": [value.dtype.str, list(value.shape), [_encode(v, tensors, what) for v in plain]]}
    name = f"t{len(tensors)}"
    columns = value.flags.f_contiguous and not value.flags.c_contiguous  # the order decides how BLAS sums
    tensors[name] = np.ascontiguousarray(value.T if columns else value, dtype=value.dtype.newbyteorder("="))
    if value.ndim == 0:
        tensors[name] = tensors[name].reshape(1)  # one rule for both formats
    return {"tensor": [name, value.ndim, columns]}


def _decode(value: Any, tensors: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(value, dict):
        if isinstance(value, list):
            raise ValueError("a bare list")
        return value
    ((kind, body),) = value.items()
    again: Callable[[Any], Any] = lambda v: _decode(v, tensors)
    if kind in _RECORDS:
        return _RECORDS[kind](**{k: again(v) for k, v in body.items()})
    match kind:
        case "float":
            return float(body)
        case "scalar":
            return again(body)[()]
        case "list":
            return [again(v) for v in body]
        case "tuple":
            return tuple(again(v) for v in body)
        case "dict":
            return {again(k): again(v) for k, v in body}
        case "verdict":
            return Verdict(body)
        case "tensor":
            name, ndim, columns = body
            found = tensors[name] if ndim else tensors[name].reshape(())
            return found.T if columns else found
        case "texts":
            dtype, shape, plain = body
            if np.dtype(dtype).kind not in "OU":
                raise ValueError(f"texts of dtype {dtype}")
            found = np.empty(len(plain), dtype)
            found[:] = [again(v) for v in plain]
            return found.reshape(shape)
        case "csr":
            array, shape, *parts = body
            made = sparse.csr_array if array else sparse.csr_matrix
            return made(tuple(again(p) for p in parts), shape=tuple(shape))
    raise ValueError(f"unknown kind {kind!r}")
