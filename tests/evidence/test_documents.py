from coldforge.evidence.documents import named, shortened


def test_a_long_list_is_cut_and_counted() -> None:
    assert shortened(["a", "b"]) == "a, b"
    assert shortened(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_of_one_name_there_may_be_none_or_several() -> None:
    items = [{"name": "a", "digest": {"sha256": n}} for n in ("1", "2")]
    assert named(items, "a") == ["1", "2"]
    assert named(items, "b") == []
