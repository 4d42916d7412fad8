"""Preloading in a fresh process, as the fork server does it."""

import subprocess
import sys

import pytest

PRELOAD = "coldforge.experiments.survey.preload"


def python(code: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_what_loads_and_quantises_models_is_imported() -> None:
    done = python(f"import sys, {PRELOAD}; print(*sys.modules)")
    assert done.returncode == 0, done.stderr
    assert {
        "coldforge.model.loading.load",
        "coldforge.quantize.quantize",
        "coldforge.quantize.methods.gptq",
    } <= set(done.stdout.split())


@pytest.mark.model
def test_the_libraries_are_imported() -> None:
    pytest.importorskip("torch")
    done = python(f"import sys, {PRELOAD}; print(*sys.modules)")
    assert {"torch", "transformers.models.llama.modeling_llama"} <= set(done.stdout.split())


def test_without_the_libraries_the_rest_is_imported() -> None:
    block = "import importlib.util as u; found = u.find_spec; "
    block += "u.find_spec = lambda name, *rest: None if name == 'torch' else found(name, *rest); "
    done = python(f"{block}import sys, {PRELOAD}; print('torch' in sys.modules)")
    assert (done.returncode, done.stdout) == (0, "False\n")


@pytest.mark.parametrize(
    "name", ["coldforge.model.loading.load", "coldforge.quantize.methods.gptq"]
)
def test_a_missing_module_of_ours_is_an_error_that_the_server_does_not_ignore(name: str) -> None:
    # The fork server goes on after an ImportError.
    code = f"import sys; sys.modules['{name}'] = None\ntry: import {PRELOAD}\n"
    done = python(code + "except ImportError: pass")
    assert done.returncode == 1
    assert f"RuntimeError: preloading failed: import of {name}" in done.stderr
