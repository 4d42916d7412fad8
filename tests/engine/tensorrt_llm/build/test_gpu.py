import subprocess
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.tensorrt_llm.build.gpu import Gpu, find_gpus, read_gpus, runs_on


@pytest.mark.parametrize(
    ("capability", "architectures", "runs"),
    [
        ("8.6", ["80-real", "86-real", "89-real"], True),
        ("8.7", ["86-real"], True),
        ("8.0", ["86-real"], False),
        ("9.0", ["80-real", "86-real", "89-real"], False),
        ("9.0", ["89-virtual"], True),
        ("8.0", ["89-virtual"], False),
        ("10.0", ["100a-real"], True),
        ("10.3", ["100a-real"], False),
        ("9.0", ["80"], True),
        ("[N/A]", ["80-real"], False),
    ],
)
def test_code_runs_where_cuda_says_it_does(
    capability: str, architectures: list[str], runs: bool
) -> None:
    assert runs_on(capability, architectures) is runs


@given(st.lists(st.tuples(st.integers(1, 12), st.integers(0, 9)), min_size=1))
def test_every_card_that_the_driver_lists_is_read(cards: list[tuple[int, int]]) -> None:
    text = "".join(f"NVIDIA A10, {major}.{minor}, 550.54.14\n" for major, minor in cards)
    read = read_gpus(text)
    assert [card.capability for card in read] == [f"{major}.{minor}" for major, minor in cards]


def test_a_driver_without_cards_is_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(command: list[str], **_: Any) -> Any:
        return subprocess.CompletedProcess(command, 6, "No devices were found\n", "")

    monkeypatch.setattr(subprocess, "run", fails)
    assert find_gpus() == ([], "no NVIDIA GPU: nvidia-smi says: No devices were found")


def test_without_a_driver_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert find_gpus() == ([], "no NVIDIA driver: nvidia-smi is not there")


def test_a_card_s_kind_is_a_file_name() -> None:
    assert Gpu("NVIDIA A100-SXM4/80GB", "8.0", "1").label == "nvidia-a100-sxm4-80gb-8.0"
