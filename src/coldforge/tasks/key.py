"""key.make, key.show, key.trust, key.rotate, key.list: who signs, and whose word counts here."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from invoke.collection import Collection
from invoke.context import Context

from coldforge.errors import ColdforgeError
from coldforge.tasks._command import emit, task

if TYPE_CHECKING:
    from coldforge.trust.envelope import Envelope
    from coldforge.trust.keys import Key
    from coldforge.trust.trust import Trust

JSON = "Print the result for programs."


@partial(
    task,
    positional=["path"],
    help={
        "path": "Where the private key goes; its public half goes to PATH.pub.",
        "name": "What to call its owner; the file's name without this.",
        "json": JSON,
    },
)
def make(context: Context, path: str, name: str = "", json: bool = False) -> None:
    """Make a key to sign with.

    It is locked by a passphrase, asked for on a terminal or taken from
    COLDFORGE_KEY_PASSPHRASE; empty means none.

    Example: invoke key.make ~/.config/coldforge/anna --name anna
    """
    from coldforge.trust.keys import make_key

    key = make_key(Path(path).expanduser(), name)
    note = f"private half: {path}\npublic half: {path}.pub (give it to those who are to trust it)"
    emit(_key(key), json, f"{_key_text(key)}\n{note}")


@partial(task, positional=["file"], help={"file": "Key file, of either half.", "json": JSON})
def show(context: Context, file: str, json: bool = False) -> None:
    """Show a key's public half and its fingerprint.

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
        "threshold": "How many of the keys must sign; unchanged without this, 1 at first.",
        "rotation": "Take over a document that key.rotate made and enough people signed.",
        "json": JSON,
    },
)
def trust(
    context: Context, key: list[str], threshold: int = 0, rotation: str = "", json: bool = False
) -> None:
    """Trust keys at this site, by the word of whoever runs this.

    Compare the fingerprints with what their owners tell you over another way.

    Example: invoke key.trust --key anna.pub --key ben.pub --threshold 2
    """
    from coldforge.paths import Workspace
    from coldforge.trust.keys import read_public
    from coldforge.trust.rotation import follow
    from coldforge.trust.trust import admit

    place = Workspace.find().trust
    if threshold < 0 or not (key or threshold or rotation):
        raise ColdforgeError("nothing to trust was named", "give --key FILE.pub")
    if rotation:
        follow(place, Path(rotation))
    if key or threshold:
        admit(place, [read_public(Path(name).expanduser()) for name in key], threshold)
    _print_trust(json)


@partial(
    task,
    iterable=["add", "remove", "sign"],
    help={
        "add": "File of a public key that comes in; repeatable.",
        "remove": "Name of a key that goes out; repeatable.",
        "threshold": "How many of the new keys must sign from then on.",
        "sign": "Private key to sign the change with; repeatable.",
        "out": "Where the signed document goes; if it is there, it is signed once more.",
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
    """Make the document that replaces this site's trust file, and carry it in bundles.

    Old and new keys must both sign it, each side in the number its threshold asks for. Several
    people sign one after another, each with the same --out.

    Example: invoke key.rotate --add eve.pub --remove ben --sign anna --sign eve --out rotation.json
    """
    from coldforge.paths import Workspace
    from coldforge.trust.keys import read_public
    from coldforge.trust.rotation import Change, missing_signatures
    from coldforge.trust.rotation import rotate as run
    from coldforge.trust.trust import read_trust

    if threshold < 0:
        raise ColdforgeError(f"--threshold {threshold} asks for nothing", "give 1 or more")
    place = Workspace.find().trust
    keys = [read_public(Path(name).expanduser()) for name in add]
    change = Change(keys, remove, threshold)
    envelope = run(place, Path(out), change, [Path(name).expanduser() for name in sign])
    old, new = missing_signatures(read_trust(place), envelope)
    _print_rotation(envelope, (old, new), out, json)


@partial(task, name="list", help={"json": JSON})
def list_(context: Context, json: bool = False) -> None:
    """List the keys that this site trusts, and how many must sign.

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
        said = f"{out} still wants {left[0]} signatures of the old keys, {left[1]} of the new ones"
        said += f"\nnext: ./invokew key.rotate --out {out} --sign KEY"
    else:
        said = f"{out} is complete\nnext: ./invokew key.trust --rotation {out}"
    emit(result, json, f"{_trust_text(new)}\n{said}")


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


namespace = Collection("key", make, show, trust, rotate, list_)
