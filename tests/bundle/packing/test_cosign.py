from pathlib import Path

import pytest

from coldforge.bundle.packing.cosign import cosign
from coldforge.bundle.packing.pack import pack
from coldforge.bundle.receiving.receive import receive
from coldforge.errors import ColdforgeError, RefusedError
from tests.bundle.bundles import contents, make_items, private_key, site, trust


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A bundle that the sender signed."""
    items = contents(make_items(tmp_path / "in", 4, 50_000))
    pack(tmp_path / "out", items, keys=[private_key("sender")])
    return tmp_path / "out"


def test_a_site_that_wants_two_takes_a_bundle_that_two_signed_one_after_the_other(
    out: Path, tmp_path: Path
) -> None:
    space = site(tmp_path / "here", trust("sender", "second", threshold=2))
    with pytest.raises(ColdforgeError, match="1 of the 2"):
        receive(space, out)
    done = cosign(out, [private_key("second")])
    assert set(done.signers) == {key.fingerprint for key in trust("sender", "second").keys}
    assert receive(space, out).taken == 4


def test_the_same_key_twice_is_once(out: Path) -> None:
    cosign(out, [private_key("second")])
    before = (out / "signatures.json").read_bytes()
    assert len(cosign(out, [private_key("second"), private_key("sender")]).signers) == 2
    assert (out / "signatures.json").read_bytes() == before


def test_the_page_beside_it_names_both(out: Path) -> None:
    cosign(out, [private_key("second")])
    text = (out / "README.txt").read_text("utf-8")
    assert all(key.fingerprint in text for key in trust("sender", "second").keys)


@pytest.mark.parametrize("what", ["damaged", "not here"])
def test_what_nobody_can_look_at_is_not_signed(out: Path, what: str) -> None:
    path = out / "volume-001.cfv"
    if what == "damaged":
        path.write_bytes(b"x" + path.read_bytes()[1:])
    else:
        path.unlink()
    before = (out / "signatures.json").read_bytes()
    with pytest.raises(RefusedError, match=f"volume-001.cfv is {what}"):
        cosign(out, [private_key("second")])
    assert (out / "signatures.json").read_bytes() == before
