from coldforge.host.doctor import Check, at_least, healthy, table


def test_a_remedy_stays_only_where_something_is_to_do() -> None:
    assert at_least("disk", "ok", "much", "free some").remedy == ""
    assert at_least("disk", "warn", "little", "free some").remedy == "free some"


def test_only_a_miss_makes_a_host_unfit() -> None:
    fine = [Check("a", "ok", ""), Check("b", "warn", ""), Check("c", "skipped", "")]
    assert healthy(fine)
    assert not healthy([*fine, Check("d", "miss", "")])


def test_the_table_shows_each_remedy_below_its_finding_and_counts() -> None:
    shown = table([Check("disk", "miss", "1 GB free", "free some"), Check("gpgv", "ok", "there")])
    assert shown.splitlines() == [
        "✗ disk  1 GB free",
        "        -> free some",
        "✓ gpgv  there",
        "1 ok, 0 warn, 1 miss, 0 skipped",
    ]
