from coldforge.tasks.calibrate import table

DRAWN = {
    "corpus": "texts", "digest": "d" * 64, "length": 512, "samples": 8, "seconds": 1.6,
    "way": "drawn",
}  # fmt: skip


def test_a_drawn_set_says_size_origin_and_digest() -> None:
    assert table(DRAWN) == f"8 windows of 512 tokens, texts\ndigest {'d' * 64} (2 s)"


def test_a_self_generated_set_says_what_was_dropped() -> None:
    counts = {"answered": 20, "kept": 17, "dropped": {"short": 2, "duplicate": 1, "long": 0}}
    text = table({**DRAWN, **counts, "way": "self-generated"})
    assert "17 of 20 answers kept; dropped: 1 duplicate, 2 short\n" in text


def test_with_nothing_dropped_it_says_nothing_of_it() -> None:
    counts = {"answered": 20, "kept": 20, "dropped": {"short": 0}}
    assert "20 of 20 answers kept\n" in table({**DRAWN, **counts, "way": "self-generated"})
