"""Estimators of cauchy.learn on disk, on paper and in pictures."""

import json
import math
import pickle
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from learn_data import MODELS, classes, regression

import cauchy.learn
from cauchy import figure
from cauchy.errors import CauchyError, DomainError
from cauchy.learn import Lasso, LogisticRegression, Ridge, certificate, lasso_path, load, store
from cauchy.learn.wording import shown
from cauchy.messages import say
from cauchy.tour.statement import every_glyph


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("ending", [".npz", ".safetensors", ""])
def test_save_and_load(model, ending, tmp_path):
    X, y = regression()
    y = np.array(["a", "b", "c"])[np.digitize(y, [0, 4])] if isinstance(model, LogisticRegression) else y
    model = pickle.loads(pickle.dumps(model)).fit(X, y)
    again = load(model.save(tmp_path / f"model{ending}"))
    assert type(again) is type(model)
    assert again.get_params() == model.get_params()
    assert (again.predict(X) == model.predict(X)).all()
    assert vars(again).keys() == vars(model).keys()
    assert again.certificate_.statement == model.certificate_.statement
    assert again.certificate_.verdict is model.certificate_.verdict
    for name in model.history_.names:
        np.testing.assert_array_equal(again.history_[name], model.history_[name])
    if isinstance(model, LogisticRegression):
        assert (again.predict_proba(X) == model.predict_proba(X)).all()
        assert again.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("ending", [".npz", ".safetensors"])
def test_the_name_that_was_saved_to_loads(ending, tmp_path, monkeypatch):
    X, y = regression()
    monkeypatch.setattr(store.importlib.util, "find_spec", lambda name: ending == ".safetensors" or None)
    for name in ("m", "m.v2"):
        Ridge().fit(X, y).save(tmp_path / name)
        assert (tmp_path / f"{name}{ending}").is_file()
        assert (load(tmp_path / name).coef_ == Ridge().fit(X, y).coef_).all()


def test_a_name_that_stands_for_two_files_is_asked_about(tmp_path):
    model = Ridge().fit(*regression())
    for ending in (".npz", ".safetensors"):
        model.save(tmp_path / f"m{ending}")
    with pytest.raises(DomainError, match="both are there"):
        load(tmp_path / "m")
    (tmp_path / "m").write_bytes((tmp_path / "m.npz").read_bytes())
    assert (load(tmp_path / "m").coef_ == model.coef_).all()  # the file of this very name


def test_what_is_not_plain_data_is_not_saved(tmp_path):
    model = LogisticRegression(random_state=np.random.RandomState(0)).fit(*classes())
    with pytest.raises(DomainError, match="random_state"):
        model.save(tmp_path / "model.npz")
    assert not (tmp_path / "model.npz").exists()

    class Mine(Ridge):
        pass

    with pytest.raises(DomainError, match="Mine"):
        Mine().fit(*regression()).save(tmp_path / "mine.npz")
    model = Ridge().fit(*regression())
    vars(model)["extra_"] = lambda: 0
    with pytest.raises(DomainError, match="extra_"):
        model.save(tmp_path / "model.npz")
    weights = {0: 1.0, 1: math.inf, "a": None}
    path = LogisticRegression(class_weight=weights).save(tmp_path / "unfitted.npz")
    assert load(path).class_weight == weights


def rewritten(path, change, to):
    with np.load(path) as file:
        arrays = dict(file)
    head = json.loads(arrays["head"].tobytes())
    change(head)
    arrays["head"] = np.frombuffer(json.dumps(head).encode(), np.uint8)
    np.savez(to, **arrays)
    return to


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.update({"class": "Popen"}),
        lambda h: h.update({"class": ["Ridge"]}),
        lambda h: h.update({"format": "other"}),
        lambda h: h["params"].update({"shell": 1}),
        lambda h: h["state"].update({"predict": 1}),
        lambda h: h["state"].update({"__class__": 1}),
        lambda h: h["state"].update({"coef_": {"tensor": ["t99", 1, False]}}),
        lambda h: h["state"].update({"coef_": {"run": "me"}}),
        lambda h: h["state"].update({"coef_": [1, 2]}),
        lambda h: h["state"].update({"coef_": {"texts": ["V8", [1], ["a"]]}}),
        lambda h: h.pop("state"),
    ],
)
def test_a_file_that_was_tampered_with(change, tmp_path):
    good = Ridge().fit(*regression()).save(tmp_path / "good.npz")
    with pytest.raises(DomainError):
        load(rewritten(good, change, tmp_path / "bad.npz"))


def test_files_of_others(tmp_path):
    with pytest.raises(OSError, match="none"):
        load(tmp_path / "none.npz")
    for name, content in (
        ("text", b"hello"),
        ("empty", b""),
        ("pickle", pickle.dumps(Ridge())),
        ("headless.safetensors", struct.pack("<Q", 2) + b"{}"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DomainError, match="no estimator"):
            load(tmp_path / name)
    np.savez(tmp_path / "arrays.npz", a=np.ones(3))
    with pytest.raises(DomainError, match="no estimator"):
        load(tmp_path / "arrays.npz")
    np.savez(tmp_path / "objects.npz", head=np.array([{}], object))
    with pytest.raises(DomainError, match="no estimator"):
        load(tmp_path / "objects.npz")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as z:
        z.writestr("readme", "hello")
    with pytest.raises(DomainError, match="no estimator"):
        load(tmp_path / "other.zip")


def test_certificates_tell_themselves(monkeypatch):
    model = Lasso(0.1).fit(*regression())
    for lang, word in (("en", "proved"), ("zh", "已证明")):
        monkeypatch.setenv("CAUCHY_LANG", lang)
        assert str(model.certificate_).startswith(word)
        assert word in model.certificate_._repr_html_()
        assert str(len(model.history_)) in str(model.history_)
    with pytest.raises(TypeError):
        bool(model.certificate_)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_pictures(lang):
    X, y = regression(k=2)
    with every_glyph():
        figure.svg(Ridge().fit(X, y).plot(lang=lang))
        figure.svg(LogisticRegression().fit(*classes()).plot(lang=lang))
        figure.svg(lasso_path(X, y[:, 0]).plot(lang=lang))
        figure.svg(Lasso().fit(X, y[:, 0]).history_.plot("objective", lang=lang))


def test_labels_follow_the_language():
    X, y = regression()
    for model in (Ridge(), LogisticRegression()):
        model.fit(X, y > np.median(y))
        labels = lambda lang, m=model: {a.get_ylabel() + a.get_xlabel() for a in m.plot(lang=lang).axes}
        assert not labels("en") & labels("zh")


def test_columns_of_histories_have_names():
    for name in certificate.COLUMNS:
        assert say(f"learn.column_{name}", "en") != say(f"learn.column_{name}", "zh")
    for model in MODELS:
        assert set(model.fit(*classes()).history_.names) <= set(certificate.COLUMNS)


def test_messages_show_numbers_as_python_does():
    X, y = classes()
    for model in (Ridge(np.float64(-1)), LogisticRegression(C=np.float64(0)), LogisticRegression(np.str_("l3"))):
        with pytest.raises(DomainError, match=r"got (-1\.0|0\.0|'l3')$"):
            model.fit(X, y)
    assert shown([np.int64(2), (np.str_("a"), np.bool_(True))]) == "[2, ('a', True)]"


def test_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import cauchy.learn as L\n"
        "assert L.soft_threshold(3.0, 1.0) == 2.0 and L.lasso_path([[1.0], [2.0]], [1.0, 2.0]).gaps.max() < 1e-9\n"
        "try: L.Ridge\n"
        "except Exception as e: print(type(e).__name__, e)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.startswith(CauchyError.__name__)
    assert "cauchy-calculus[learn]" in run.stdout


def test_names_that_are_offered_exist():
    for name in ("LinearRegression", "Ridge", "Lasso", "ElasticNet", "LogisticRegression", "History", "Certificate"):
        assert name in dir(cauchy.learn)
        assert hasattr(cauchy.learn, name)
    assert not hasattr(cauchy.learn, "Popen")
