"""`cauchy VERB ...`: the verbs, the exit codes, a reader who goes away."""

import subprocess
import sys

import pytest

import cauchy
from cauchy import cli, doctor
from cauchy.messages import say


@pytest.fixture(autouse=True)
def english(monkeypatch):
    monkeypatch.setenv("CAUCHY_LANG", "en")


@pytest.mark.parametrize("flag", ["--version", "-V"])
def test_version(flag, capsys):
    assert cli.main([flag]) == 0
    assert capsys.readouterr().out == f"cauchy {cauchy.__version__}\n"


def test_usage(capsys):
    for argv, code in (([], 2), (["--help"], 0), (["-h"], 0), (["help"], 0)):
        assert cli.main(argv) == code
        assert capsys.readouterr().out == say("cli.usage") + "\n"
    assert all(verb in say("cli.usage", lang) for verb in cli.VERBS for lang in ("en", "zh"))


def test_unknown_verb(capsys):
    assert cli.main(["frobnicate"]) == 2
    assert "frobnicate" in capsys.readouterr().out


@pytest.mark.parametrize("verb", [v for v in cli.VERBS if v != "doctor"])
def test_every_verb_has_help(verb, capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main([verb, "--help"])
    assert stop.value.code == 0
    assert f"cauchy {verb}" in capsys.readouterr().out


def test_doctor(capsys):
    assert cli.main(["doctor"]) == 0
    out = capsys.readouterr().out
    assert "numpy" in out
    assert say("doctor.right", slope=[4.0, 27.0]) in out
    assert cli.main(["doctor", "--help"]) == 0
    assert cli.main(["doctor", "x"]) == 2


def test_doctor_finds_a_wrong_answer(monkeypatch):
    monkeypatch.setattr(doctor, "grad", lambda f: lambda x: x)
    assert doctor.main([]) == 1


@pytest.mark.parametrize(("needed", "code"), [(True, 1), (False, 0)])
def test_doctor_finds_what_is_missing(needed, code, monkeypatch, capsys):
    monkeypatch.setattr(doctor, "PACKAGES", {"no-such-package-here": needed})
    assert doctor.main([]) == code
    assert "no-such-package-here" in capsys.readouterr().out


def test_interrupted(monkeypatch):
    def stop(argv):
        raise KeyboardInterrupt

    monkeypatch.setattr(doctor, "main", stop)
    assert cli.main(["doctor"]) == 130


def test_a_reader_who_goes_away():
    command = [sys.executable, "-u", "-m", "cauchy", "doctor"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        error = process.stderr.read()
        assert process.wait(60) == 141
    assert not error
