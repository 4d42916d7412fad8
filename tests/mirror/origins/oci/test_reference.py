import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.errors import ColdforgeError
from coldforge.mirror.origins.oci.reference import PART, ImageReference, has_host, parse_reference

HEX = "ab" * 32
parts = st.from_regex(rf"{PART}", fullmatch=True).filter(lambda part: len(part) < 40)
names = (
    st.lists(parts, min_size=1, max_size=4).map("/".join).filter(lambda name: not has_host(name))
)


@given(names, st.binary(min_size=32, max_size=32).map(bytes.hex))
def test_what_is_written_is_read(repository: str, digest: str) -> None:
    reference = ImageReference(repository, digest)
    assert parse_reference(str(reference)) == reference


@given(st.text())
def test_anything_else_is_refused_in_one_line(text: str) -> None:
    try:
        reference = parse_reference(text)
    except ColdforgeError as error:
        assert error.hint
    else:
        assert str(reference) == text


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("nvidia/cuda:12.2", "a tag, which may move", "docker://HOST/nvidia/cuda:12.2"),
        ("example.org:5000/a:1", "a tag, which may move", "docker://example.org:5000/a:1"),
        ("localhost:5000/a", "no digest", "docker://localhost:5000/a:TAG"),
        ("debian", "no digest", "docker://HOST/debian:TAG"),
    ],
)
def test_a_tag_is_refused_with_the_way_to_a_digest(text: str, message: str, hint: str) -> None:
    with pytest.raises(ColdforgeError, match=message) as caught:
        parse_reference(text)
    assert caught.value.hint == f"find it: skopeo inspect --format '{{{{.Digest}}}}' {hint}"


@pytest.mark.parametrize("host", ["example.org", "localhost", "registry:5000"])
def test_a_registry_in_the_name_is_refused_with_the_place_to_put_it(host: str) -> None:
    with pytest.raises(ColdforgeError, match="names a registry; a lock names none") as caught:
        parse_reference(f"{host}/a/b@sha256:{HEX}")
    assert f"write 'a/b@sha256:{HEX}'" in caught.value.hint
    assert "unqualified-search-registries" in caught.value.hint


@pytest.mark.parametrize(
    "text",
    [f"A/b@sha256:{HEX}", f"a@md5:{HEX}", f"a@sha256:{HEX.upper()}", f"a@sha256:{HEX}0",
     f"a:1@sha256:{HEX}", f"a//b@sha256:{HEX}", f"../a@sha256:{HEX}", f"@sha256:{HEX}"],
)  # fmt: skip
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ColdforgeError, match="is not an image by digest"):
        parse_reference(text)
