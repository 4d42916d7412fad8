import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.debian.packages import (
    DebianPackage,
    Relation,
    compare,
    matches,
    parse_packages,
    parse_relations,
    provided,
    satisfies,
)

SHA = "0" * 64
PARAGRAPH = f"""\
Package: libfoo1
Version: 1:2.0-1
Architecture: amd64
Pre-Depends: dpkg (>= 1.15)
Depends: libc6 (>= 2.36), bar |
 baz
Provides: foo (= 2.0), foo-abi
Breaks: old (<< 1)
Priority: required
Essential: yes
Description: a library
 Depends: in the text, not a field
Filename: pool/main/f/foo/libfoo1_2.0-1_amd64.deb
Size: 12
SHA256: {SHA}
"""

NAMES = st.from_regex(r"[a-z0-9][a-z0-9+.\-]{1,12}", fullmatch=True)
VERSIONS = st.from_regex(r"([0-9]:)?[0-9][a-z0-9.+~]{0,5}(-[0-9][a-z0-9.+~]{0,3})?", fullmatch=True)
PLAIN = NAMES.map(Relation)
VERSIONED = st.builds(Relation, NAMES, st.sampled_from(["<<", "<=", "=", ">=", ">>"]), VERSIONS)
CLAUSES = st.lists(st.lists(PLAIN | VERSIONED, min_size=1, max_size=3).map(tuple), max_size=4)


def package(**fields: str) -> DebianPackage:
    given = {"name": "a", "version": "1.0", "provides": "", **fields}
    return DebianPackage(suite="s", path="p", size=1, sha256=SHA, **given)  # type: ignore[arg-type]


def test_an_index_gives_its_fields() -> None:
    assert parse_packages(PARAGRAPH, "bookworm", "amd64") == [
        DebianPackage(
            name="libfoo1",
            version="1:2.0-1",
            suite="bookworm",
            path="pool/main/f/foo/libfoo1_2.0-1_amd64.deb",
            size=12,
            sha256=SHA,
            depends="dpkg (>= 1.15), libc6 (>= 2.36), bar | baz",
            provides="foo (= 2.0), foo-abi",
            conflicts="old (<< 1)",
            priority="required",
            essential=True,
        )
    ]


def test_packages_of_another_architecture_are_left_out() -> None:
    text = "\n".join(
        PARAGRAPH.replace("amd64\nPre", f"{name}\nPre").replace("libfoo1\n", f"{name}\n")
        for name in ("amd64", "all", "arm64")
    )
    assert [item.name for item in parse_packages(text, "s", "amd64")] == ["amd64", "all"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pool/main/", "../../"),
        ("Filename: pool", "Filename: /pool"),
        (SHA, "12"),
        ("Size: 12", "Size: many"),
        ("Filename:", "File:"),
    ],
)
def test_a_bad_entry_is_named(old: str, new: str) -> None:
    with pytest.raises(ColdforgeError, match="libfoo1"):
        parse_packages(PARAGRAPH.replace(old, new), "s", "amd64")


@given(CLAUSES)
def test_relations_are_read_back_as_written(clauses: list[tuple[Relation, ...]]) -> None:
    text = ", ".join(" | ".join(str(relation) for relation in clause) for clause in clauses)
    assert parse_relations(text, "amd64") == clauses


def test_own_architecture_qualifiers_mean_the_bare_name() -> None:
    text = "python3:any (>= 3.9), a:native, b:amd64, c:i386,"
    names = [clause[0].name for clause in parse_relations(text, "amd64")]
    assert names == ["python3", "a", "b", "c:i386"]


@pytest.mark.parametrize(
    ("lower", "higher"),
    [("1.0~rc1", "1.0"), ("1.0", "1.0-0+b1"), ("9", "10"), ("9", "1:1"), ("1.0+deb12u1", "1.0.1")],
)
def test_versions_are_ordered_as_debian_does(lower: str, higher: str) -> None:
    assert compare(lower, higher) < 0 < compare(higher, lower)
    assert compare("1.0", "0:1.0") == 0


@given(VERSIONS, VERSIONS)
def test_exactly_one_of_less_equal_greater_holds(left: str, right: str) -> None:
    held = [matches(left, Relation("x", operator, right)) for operator in ("<<", "=", ">>")]
    assert held.count(True) == 1
    assert matches(left, Relation("x", ">=", right)) == (not held[0])
    assert matches(left, Relation("x", "<=", right)) == (not held[2])
    assert matches(left, Relation("x"))


def test_what_is_no_version_is_one_line() -> None:
    with pytest.raises(ColdforgeError, match="not a Debian version"):
        compare("1.0", "one two")


@pytest.mark.parametrize(("sign", "same"), [("<", True), (">", True), ("=", True), ("<<", False)])
def test_the_obsolete_signs_include_equality(sign: str, same: bool) -> None:
    assert matches("1", Relation("x", sign, "1")) == same


def test_what_is_no_relation_is_one_line() -> None:
    with pytest.raises(ColdforgeError, match="not a Debian relation"):
        matches("1", Relation("x", "==", "1"))


def test_only_a_versioned_provides_answers_a_versioned_relation() -> None:
    real, plain = package(), package(name="b", provides="a, c")
    exact = package(name="b", provides="c:any, a (= 1.5)")
    assert satisfies(real, Relation("a", ">=", "1"), "amd64")
    assert satisfies(plain, Relation("a"), "amd64")
    assert not satisfies(plain, Relation("a", ">=", "1"), "amd64")
    assert satisfies(exact, Relation("a", ">=", "1.2"), "amd64")
    assert not satisfies(exact, Relation("a", ">=", "2"), "amd64")
    assert provided(exact) == {"a", "c"}
