"""key.make, .show, .trust, .rotate, .list: signing keys, and the keys trusted here."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, on_host, task

if TYPE_CHECKING:
    from coldforge.trust.envelope import Envelope
    from coldforge.trust.keys import Key
    from coldforge.trust.trust import Trust

JSON = "Print the result for programs."


@partial(
    task,
    positional=["path"],
    help={
        "path": "File for the private key; the public key is written to PATH.pub.",
        "name": "Name of its owner. Default: the name of the file.",
        "json": JSON,
    },
)
def make(context: Context, path: str, name: str = "", json: bool = False) -> None:
    """Make a signing key.

    It is encrypted with a passphrase, asked for on a terminal or read from
    COLDFORGE_KEY_PASSPHRASE; an empty one leaves it unencrypted.

    Example: invoke key.make ~/.config/coldforge/anna --name anna
    """
    from coldforge.trust.keys import make_key

    key = make_key(Path(path).expanduser(), name)
    note = f"private key: {path}\npublic key: {path}.pub (give it to those who should trust it)"
    emit(_key(key), json, f"{_key_text(key)}\n{note}")


@partial(task, positional=["file"], help={"file": "Key file, private or public.", "json": JSON})
def show(context: Context, file: str, json: bool = False) -> None:
    """Show a public key and its fingerprint.

    Example: invoke key.show anna.pub
    """
    from coldforge.trust.keys import read_public

    key = read_public(Path(file).expanduser())
    emit(_key(key), json, _key_text(key))


@partial(
    task,
    iterable=["key"],
    help={
        "key": "File of a public key; repeatable.",
        "threshold": "How many of the keys must sign. Default: unchanged, 1 at first.",
        "rotation": "Adopt this document, made by key.rotate and signed by enough keys.",
        "json": JSON,
    },
)
def trust(
    context: Context, key: list[str], threshold: int = 0, rotation: str = "", json: bool = False
) -> None:
    """Trust keys on this machine; whoever runs this vouches for them.

    Compare the fingerprints with their owners over another channel first.

    Example: invoke key.trust --key anna.pub --key ben.pub --threshold 2
    """
    from coldforge.paths import Workspace
    from coldforge.trust.keys import read_public
    from coldforge.trust.rotation import follow
    from coldforge.trust.trust import admit

    place = Workspace.find().trust
    if threshold < 0 or not (key or threshold or rotation):
        raise ColdforgeError("no key, threshold or rotation was given", "give --key FILE.pub")
    if rotation:
        follow(place, Path(rotation))
    if key or threshold:
        admit(place, [read_public(Path(name).expanduser()) for name in key], threshold)
    _print_trust(json)


@partial(
    task,
    iterable=["add", "remove", "sign"],
    help={
        "add": "File of a public key to add; repeatable.",
        "remove": "Name of a key to remove; repeatable.",
        "threshold": "How many of the new keys must sign. Default: unchanged.",
        "sign": "Private key to sign the change with; repeatable.",
        "out": "File of the signed document; if it exists, a signature is added.",
        "json": JSON,
    },
)
def rotate(  # noqa: PLR0913, PLR0917 - one flag each
    context: Context,
    add: list[str],
    remove: list[str],
    sign: list[str],
    threshold: int = 0,
    out: str = "rotation.json",
    json: bool = False,
) -> None:
    """Make a document that replaces the trust file here, and that bundles carry.

    Enough of the old keys and enough of the new keys must sign it, by the threshold of each.
    Several people sign one after another, each with the same --out.

    Example: invoke key.rotate --add eve.pub --remove ben --sign anna --sign eve --out rotation.json
    """
    from coldforge.paths import Workspace
    from coldforge.trust.keys import read_public
    from coldforge.trust.rotation import KeyChange, missing_signatures
    from coldforge.trust.rotation import rotate as run
    from coldforge.trust.trust import read_trust

    if threshold < 0:
        raise ColdforgeError(f"--threshold {threshold} is less than 1", "give 1 or more")
    place = Workspace.find().trust
    keys = [read_public(Path(name).expanduser()) for name in add]
    change = KeyChange(keys, remove, threshold)
    envelope = run(place, Path(out), change, [Path(name).expanduser() for name in sign])
    old, new = missing_signatures(read_trust(place), envelope)
    _print_rotation(envelope, (old, new), out, json)


@partial(task, name="list", help={"json": JSON})
def list_(context: Context, json: bool = False) -> None:
    """List the keys that are trusted here, and how many must sign.

    Example: invoke key.list
    """
    _print_trust(json)


def _print_trust(json: bool) -> None:
    from coldforge.paths import Workspace
    from coldforge.trust.trust import read_trust

    known = read_trust(Workspace.find().trust)
    emit(_trust(known), json, _trust_text(known))


def _print_rotation(envelope: "Envelope", left: tuple[int, int], out: str, json: bool) -> None:
    from coldforge.trust.rotation import document

    new = document(envelope)
    result = {**_trust(new), "wanting": {"old": left[0], "new": left[1]}, "file": out}
    if any(left):
        text = f"{out} still needs {left[0]} signatures of the old keys, {left[1]} of the new ones"
        text += f"\nnext: ./invokew key.rotate --out {out} --sign KEY"
    else:
        text = f"{out} is complete\nnext: ./invokew key.trust --rotation {out}"
    emit(result, json, f"{_trust_text(new)}\n{text}")


def _key(key: "Key") -> dict[str, str]:
    return {"name": key.name, "key": key.key, "fingerprint": key.fingerprint}


def _key_text(key: "Key") -> str:
    return f"{key.key} {key.name}\n{key.fingerprint}"


def _trust(trust: "Trust") -> dict[str, object]:
    keys = [_key(key) for key in trust.keys]
    return {"version": trust.version, "threshold": trust.threshold, "keys": keys}


def _trust_text(trust: "Trust") -> str:
    wide = max(len(key.name) for key in trust.keys)
    lines = [f"{key.name:<{wide}}  {key.fingerprint}" for key in trust.keys]
    must = "must" if trust.threshold > 1 else "is enough to"
    title = f"trust document {trust.version}: {trust.threshold} of {len(trust.keys)} {must} sign"
    return "\n".join([title, *lines])


TASKS = on_host(Collection("key", make, show, trust, rotate, list_))
