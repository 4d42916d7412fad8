import random
from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.debian.packages import DebianPackage, parse_relations, satisfies
from coldforge.mirror.origins.debian.resolver import PackagePool, Pick, closure

SUITES = ["new", "old"]
LAYERS = ["base", "tools", "top"]


def package(
    name: str, depends: str = "", version: str = "1", suite: str = "new", **fields: object
) -> DebianPackage:
    sha256 = f"{name} {version} {suite}"
    given = {"path": "p", "size": 1, "sha256": sha256, "depends": depends, **fields}
    return DebianPackage(name=name, version=version, suite=suite, **given)  # type: ignore[arg-type]


def chosen(
    packages: Iterable[DebianPackage],
    asked: dict[str, list[str]] | list[str],
    held: Iterable[Pick] = (),
    essential: bool = True,
) -> list[Pick]:
    uses = asked if isinstance(asked, dict) else {"base": asked}
    kept: dict[str, set[tuple[str, str]]] = {}
    for pick in held:
        kept.setdefault(pick.package.name, set()).add((pick.package.version, pick.package.sha256))
    return closure(PackagePool(packages, SUITES), uses, kept, essential)


def names(picks: Iterable[Pick]) -> list[str]:
    return [pick.package.name for pick in picks]


def test_dependencies_come_with_what_needs_them() -> None:
    packages = [package("a", "b, c (>= 1)"), package("b", "c"), package("c"), package("d")]
    picks = chosen(packages, ["a"])
    assert [(pick.package.name, pick.required_by) for pick in picks] == [
        ("a", ""),
        ("b", "a"),
        ("c", "a"),
    ]


def test_the_first_available_alternative_is_taken() -> None:
    assert names(chosen([package("a", "x | c | b"), package("b"), package("c")], ["a"])) == [
        "a",
        "c",
    ]


def test_an_alternative_that_is_requested_settles_the_choice() -> None:
    packages = [package("a", "b | c"), package("b"), package("c")]
    assert names(chosen(packages, ["a", "c"])) == ["a", "c"]


def test_a_version_too_low_is_no_alternative() -> None:
    packages = [package("a", "b (>= 2) | c"), package("b"), package("c")]
    assert names(chosen(packages, ["a"])) == ["a", "c"]


def test_the_highest_version_that_fits_is_taken() -> None:
    packages = [package("a", "b (<< 3)"), *(package("b", version=v) for v in "132")]
    assert chosen(packages, ["a"])[1].package.version == "2"
    assert chosen(packages, ["b"])[0].package.version == "3"


def test_a_virtual_package_comes_from_a_chosen_provider_first() -> None:
    packages = [
        package("a", "awk"),
        package("gawk", provides="awk", priority="optional"),
        package("mawk", provides="awk", priority="required"),
    ]
    assert names(chosen(packages, ["a"])) == ["a", "mawk"]
    assert names(chosen(packages, ["a", "gawk"])) == ["a", "gawk"]
    assert names(chosen([*packages, package("awk")], ["a"])) == ["a", "awk"]
    assert names(chosen(packages, ["awk"])) == ["mawk"]


def test_providers_of_equal_priority_are_taken_by_name() -> None:
    packages = [package(name, provides="v") for name in ("z", "m", "p")]
    assert names(chosen([*packages, package("a", "v")], ["a"])) == ["a", "m"]


def test_a_package_of_another_suite_takes_the_rest_from_the_default_one() -> None:
    packages = [
        package("gcc", "base (= 10), libc (>= 1)", "10", "old"),
        package("base", version="10", suite="old"),
        package("base", version="12"),
        package("libc", version="2"),
        package("libc", version="1", suite="old"),
    ]
    picks = {pick.package.name: pick.package.suite for pick in chosen(packages, ["gcc/old"])}
    assert picks == {"gcc": "old", "base": "old", "libc": "new"}


def test_a_layer_holds_only_what_the_ones_below_lack() -> None:
    packages = [package("a", "c"), package("b", "c, d"), package("c"), package("d")]
    picks = chosen(packages, {"base": ["a"], "tools": ["a", "b"], "top": ["d"]})
    assert [(pick.use, pick.package.name) for pick in picks] == [
        ("base", "a"),
        ("base", "c"),
        ("tools", "b"),
        ("tools", "d"),
    ]


def test_essential_packages_of_the_default_suite_join_the_first_layer() -> None:
    packages = [
        package("a"),
        package("dpkg", "libz", essential=True),
        package("libz"),
        package("gone", suite="old", essential=True),
    ]
    picks = chosen(packages, {"base": ["a"], "tools": []})
    assert names(picks) == ["a", "dpkg", "libz"]
    assert names(chosen(packages, ["a"], essential=False)) == ["a"]


def test_an_unknown_package_names_those_written_nearly_so() -> None:
    with pytest.raises(ColdforgeError) as caught:
        chosen([package("cmake"), package("make")], ["cmkae"])
    assert caught.value.message == "base asks for unknown Debian package 'cmkae'"
    assert "cmake" in caught.value.hint


def test_an_unknown_suite_names_those_of_the_stack() -> None:
    with pytest.raises(ColdforgeError) as caught:
        chosen([package("a")], ["a/older"])
    assert caught.value.hint == "its suites: new, old"


def test_a_package_that_its_suite_lacks_is_unknown_there() -> None:
    with pytest.raises(ColdforgeError, match="unknown Debian package 'a/old'"):
        chosen([package("a")], ["a/old"])


def test_an_unmet_dependency_says_who_needs_what() -> None:
    with pytest.raises(ColdforgeError, match=r"a 1 \(new\) needs b \(>= 2\) \| c, which no suite"):
        chosen([package("a", "b (>= 2) | c"), package("b")], ["a"])


def test_a_choice_made_below_is_not_undone() -> None:
    packages = [package("a", "b (<< 2)"), package("b", version="2"), package("b", suite="old")]
    with pytest.raises(ColdforgeError, match=r"b 2 .* was chosen before") as caught:
        chosen(packages, {"base": ["b"], "tools": ["a"]})
    assert "b/old" in caught.value.hint
    with pytest.raises(ColdforgeError, match=r"asks for 'b/old', but b 2"):
        chosen(packages, {"base": ["b"], "tools": ["b/old"]})


@pytest.mark.parametrize("conflicts", ["b", "b (<< 2)", "v"])
def test_conflicts_among_the_chosen_are_one_line(conflicts: str) -> None:
    packages = [package("a", conflicts=conflicts), package("b", provides="v")]
    with pytest.raises(ColdforgeError, match=r"a 1 \(new\) cannot be installed beside b 1"):
        chosen(packages, {"base": ["b"], "tools": ["a"]})


def test_a_package_may_conflict_with_what_it_provides_itself() -> None:
    assert names(chosen([package("a", provides="v", conflicts="v, b (<< 1)")], ["a"])) == ["a"]


def test_a_locked_version_stays_while_it_is_in_the_index() -> None:
    old = [package("a", "b"), package("b", version="1")]
    locked = chosen(old, ["a"])
    packages = [*old, package("b", version="2")]
    assert chosen(packages, ["a"], locked) == locked
    free = [pick for pick in locked if pick.package.name != "b"]
    assert chosen(packages, ["a"], free)[1].package.version == "2"
    gone = [package("a", "b"), package("b", version="2")]
    assert chosen(gone, ["a"], locked)[1].package.version == "2"


def test_a_locked_version_of_other_bytes_does_not_stay() -> None:
    locked = chosen([package("a", sha256="1"), package("a", version="2")], ["a"])
    packages = [package("a", version="2", sha256="other"), package("a", version="3")]
    assert chosen(packages, ["a"], locked)[0].package.version == "3"


@st.composite
def pools(draw: st.DrawFn) -> tuple[list[DebianPackage], dict[str, list[str]]]:
    """A few packages with tangled relations, and requests among them."""
    known = [f"p{number}" for number in range(draw(st.integers(2, 9)))]
    relation = st.builds(
        lambda name, version: f"{name} ({version})" if version else name,
        st.sampled_from([*known, "v1", "v2"]),
        st.sampled_from(["", "", "", ">= 1", "<< 2", "= 2"]),
    )
    clause = st.lists(relation, min_size=1, max_size=3).map(" | ".join)
    packages = {}
    for name in known:
        for suite in draw(st.sampled_from([["new"], ["old"], ["new", "old"]])):
            packages[name, suite] = package(
                name,
                ", ".join(draw(st.lists(clause, max_size=2))),
                draw(st.sampled_from("12")),
                suite,
                provides=", ".join(draw(st.sets(st.sampled_from(["v1", "v2 (= 2)"])))),
                conflicts=draw(st.sampled_from(["", "", "", "p1 (<< 2)", "v1"])),
                priority=draw(st.sampled_from(["required", "optional"])),
                essential=draw(st.integers(0, 9)) == 0,
            )
    request = st.sampled_from(known) | st.sampled_from([f"{n}/{s}" for n, s in packages])
    asked = {use: draw(st.lists(request, max_size=3)) for use in LAYERS}
    return list(packages.values()), asked


def attempt(
    packages: list[DebianPackage], asked: dict[str, list[str]], held: Iterable[Pick] = ()
) -> list[Pick] | str:
    try:
        return chosen(packages, asked, held)
    except ColdforgeError as error:
        return error.message


def unmet(packages: list[DebianPackage], present: list[DebianPackage]) -> list[str]:
    return [
        f"{package.name}: {clause}"
        for package in packages
        for clause in parse_relations(package.depends, "amd64")
        if not any(satisfies(item, way, "amd64") for item in present for way in clause)
    ]


def clashing(packages: list[DebianPackage]) -> list[str]:
    return [
        f"{package.name}: {other.name}"
        for package in packages
        for (relation,) in parse_relations(package.conflicts, "amd64")
        for other in packages
        if other != package and satisfies(other, relation, "amd64")
    ]


@settings(max_examples=300)
@given(pools())
def test_every_layer_is_closed_over_itself_and_those_below(
    drawn: tuple[list[DebianPackage], dict[str, list[str]]],
) -> None:
    packages, asked = drawn
    picks = attempt(packages, asked)
    if isinstance(picks, str):
        assert "\n" not in picks
        return
    everything = [pick.package for pick in picks]
    assert len({item.name for item in everything}) == len(everything)
    for number, use in enumerate(LAYERS):
        present = [pick.package for pick in picks if pick.use in LAYERS[: number + 1]]
        mine = [pick.package for pick in picks if pick.use == use]
        assert unmet(mine, present) == []
        for request in asked[use]:
            name, _, suite = request.partition("/")
            assert any(item.name == name and suite in ("", item.suite) for item in present)
    assert clashing(everything) == []


@settings(max_examples=200)
@given(pools(), st.randoms())
def test_the_order_of_the_input_does_not_matter(
    drawn: tuple[list[DebianPackage], dict[str, list[str]]], chance: random.Random
) -> None:
    packages, asked = drawn
    shuffled = chance.sample(packages, len(packages))
    mixed = {use: chance.sample(requests, len(requests)) for use, requests in asked.items()}
    assert attempt(shuffled, mixed) == attempt(packages, asked)


@settings(max_examples=200)
@given(pools())
def test_locking_again_changes_nothing(
    drawn: tuple[list[DebianPackage], dict[str, list[str]]],
) -> None:
    packages, asked = drawn
    picks = attempt(packages, asked)
    if not isinstance(picks, str):
        assert attempt(packages, asked, picks) == picks
