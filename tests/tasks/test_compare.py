from coldforge.tasks.compare import table


def side(seconds: float, text: str) -> dict[str, object]:
    spread = {"median": seconds, "p10": seconds / 2, "p90": 2 * seconds}
    return {
        "load_seconds": spread, "first_token_seconds": spread, "token_seconds": spread,
        "peak_rss_bytes": 3_000_000, "libraries_rss_bytes": 1_000_000, "disk_bytes": 1000,
        "bits_per_weight": 4.25, "text": text,
    }  # fmt: skip


def test_both_sides_stand_in_a_row_and_their_texts_on_a_line_each() -> None:
    found = {
        "original": side(0.02, "one\ntwo"), "quantised": side(0.01, "three"), "prompt": "p",
        "flow": "load → result",
        "protocol": {
            "prompt_tokens": 7, "new_tokens": 32, "repeats": 10, "warmup": 1, "loads": 5,
            "spread": "p10 to p90", "dtype": "float32", "threads": 1, "tokenizer": "t" * 64,
        },
    }  # fmt: skip
    lines = table(found).splitlines()
    row = next(line for line in lines if line.startswith("time per token"))
    assert row.split(maxsplit=3)[3] == "20.0 ms (10.0 to 40.0)         10.0 ms (5.0 to 20.0)"
    assert "  without libraries" + f"{'2.0 MB':>35}{'2.0 MB':>30}" in lines
    assert "original   'one\\ntwo'" in lines
    assert "load → result" in lines
