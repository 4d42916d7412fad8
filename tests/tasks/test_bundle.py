import json
from pathlib import Path
from typing import Any

import pytest
from invoke.context import Context

from coldforge.paths import Workspace
from coldforge.tasks import bundle as tasks
from coldforge.trust.keys import make_key, read_public
from coldforge.trust.trust import admit
from tests.bundle.sender import sending_site

Capture = pytest.CaptureFixture[str]


class AirGap:
    """A sender with a key, and a receiver that trusts it; runs tasks in either."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
        self.root, self.capsys, self._patch = root, capsys, monkeypatch
        self.open = sending_site(root / "open")
        self.closed = Workspace(root / "closed")
        self.key, self.out = root / "anna", root / "out"
        make_key(self.key)
        admit(self.closed.trust, [read_public(self.key)])

    def run(self, task: Any, space: Workspace, **given: Any) -> Any:
        """Run a task for a program in a checkout and read what it printed."""
        self.capsys.readouterr()
        self._patch.setenv("COLDFORGE_ROOT", str(space.root))
        task(Context(), json=True, **given)
        return json.loads(self.capsys.readouterr().out)

    def pack(self, **given: Any) -> Any:
        """Make a bundle of stack demo."""
        terms = {"out": str(self.out), "stack": "demo", "sign": [str(self.key)]}
        return self.run(tasks.pack, self.open, **{**terms, **given})

    def fails(self, task: Any, space: Workspace, code: int, **given: Any) -> tuple[str, str]:
        """Run a task that ends with an exit code; give what it printed and its message."""
        with pytest.raises(SystemExit) as caught:
            self.run(task, space, **given)
        said = self.capsys.readouterr()
        assert caught.value.code == code
        errors = [line for line in said.err.splitlines() if line.startswith("error: ")]
        assert len(errors) == 1
        return said.out, errors[0]


@pytest.fixture
def gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> AirGap:
    monkeypatch.delenv("COLDFORGE_DEBUG", raising=False)
    return AirGap(tmp_path, monkeypatch, capsys)


def test_a_bundle_is_received_and_the_next_one_leaves_its_files_out(gap: AirGap) -> None:
    made = gap.pack(split="1M", parity="10%")
    seen = gap.run(tasks.inspect, gap.closed, folder=str(gap.out), verify=True)
    assert (seen["bundle"], seen["trusted"]) == (made["bundle"], True)
    done = gap.run(tasks.receive, gap.closed, folder=str(gap.out))
    assert (done["bundle"], done["taken"]) == (made["bundle"], made["items"])
    have, page = str(gap.root / "have.cfh"), str(gap.root / "have.html")
    listed = gap.run(tasks.have, gap.closed, out=have, qr=page)
    assert listed["blobs"] == made["items"]
    assert listed["codes"] == Path(page).read_text("utf-8").count("<figure>")
    again = gap.pack(out=str(gap.root / "second"), have=have)
    assert (again["items"], again["left_out"]) == (0, made["items"])


def test_an_untrusted_key_is_refused_with_exit_code_4(gap: AirGap) -> None:
    stranger = gap.root / "eve"
    make_key(stranger)
    gap.pack(sign=[str(stranger)])
    _, message = gap.fails(tasks.receive, gap.closed, 4, folder=str(gap.out))
    assert "signed by no key trusted here" in message


def test_what_is_missing_is_listed_for_programs(gap: AirGap) -> None:
    made = gap.pack()
    data = (gap.out / "volume-001.cfv").read_bytes()
    (gap.out / "volume-001.cfv").write_bytes(bytes(len(data)))
    printed, message = gap.fails(tasks.receive, gap.closed, 3, folder=str(gap.out))
    missing = json.loads(printed)["missing"]
    assert len(missing) == made["items"]
    assert {name for one in missing for name in one["volumes"]} == {"volume-001.cfv"}
    assert "still missing" in message


def test_a_damaged_volume_ends_the_inspection_with_1(gap: AirGap) -> None:
    gap.pack()
    with (gap.out / "volume-001.cfv").open("r+b") as stream:
        stream.write(b"?")
    with pytest.raises(SystemExit) as caught:
        gap.run(tasks.inspect, gap.closed, folder=str(gap.out), verify=True)
    assert caught.value.code == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"for_": "fun"}, "unknown kind of bundle 'fun'"),
        ({"split": "4X"}, "'4X' is not a size"),
        ({"parity": "lots"}, "'lots' is not a share"),
        ({"sign": ["nowhere"]}, "key nowhere does not exist"),
        ({"have": "nowhere"}, "nowhere"),
        ({"stack": "nothing"}, "unknown stack 'nothing'"),
    ],
)
def test_invalid_flags_are_refused(gap: AirGap, given: dict[str, Any], said: str) -> None:
    with pytest.raises(SystemExit):
        gap.pack(**given)
    errors = gap.capsys.readouterr().err
    assert said in errors
    assert "Traceback" not in errors
    assert not gap.out.exists() or not any(gap.out.iterdir())


def test_signing_needs_a_key(gap: AirGap) -> None:
    gap.pack()
    _, message = gap.fails(tasks.sign, gap.open, 1, folder=str(gap.out), key=[])
    assert "no private key was given" in message
