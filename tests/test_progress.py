import threading

import pytest

from coldforge import progress
from coldforge.progress import amount, say, step


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (1_500_000, "1.5 MB"),
        (2_000_000_000, "2.0 GB"),
        (3_400_000_000_000, "3.4 TB"),
        (5_000_000_000_000_000, "5000.0 TB"),
    ],
)
def test_bytes_have_decimal_prefixes(count: int, text: str) -> None:
    assert amount(count) == text


def test_other_units_are_written_out() -> None:
    assert amount(12_345, "items") == "12,345 items"


def test_a_step_ends_with_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    with step("Packing", 10, "items") as current:
        current.advance(4)
        current.grow(5)
        current.result = "4 items"
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("✓ Packing — 4 items (")
    assert (current.done, current.total) == (4, 15)


def test_a_failed_step_says_so_and_shows_no_result(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(KeyboardInterrupt), step("Packing") as current:
        current.result = "all"
        raise KeyboardInterrupt
    assert capsys.readouterr().err.startswith("✗ Packing (")


def test_a_long_step_prints_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with step("Packing", 100, "items") as current:
        for seconds in (1.0, 6.0, 8.0, 12.0):
            now[0] = seconds
            current.advance(10)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "  Packing: 20 items of 100 items, 3 items/s, 24 s left"
    assert lines[1] == "  Packing: 40 items of 100 items, 3 items/s, 18 s left"
    assert len(lines) == 3


def test_threads_may_advance_one_step() -> None:
    with step("Packing") as current:
        threads = [threading.Thread(target=current.advance, args=(5,)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert current.done == 40


def test_a_line_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    say("note: [bold]")
    assert capsys.readouterr() == ("", "note: [bold]\n")
