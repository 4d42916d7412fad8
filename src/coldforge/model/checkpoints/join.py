"""Put a sharded checkpoint into one file, as older readers need it."""

import shutil
import time
from pathlib import Path
from typing import Any

from coldforge.checkpoint.checkpoint import INDEX, read_checkpoint
from coldforge.checkpoint.safetensors_file import write_tensors
from coldforge.errors import ColdforgeError
from coldforge.files.output import CARD, read_card, whole, write_card
from coldforge.model.card_facts import circumstances
from coldforge.progress import step

JOINED = "joined model"


def run_join(model: str, out: str) -> dict[str, Any]:
    """Write `model` to `out` with all tensors in model.safetensors; raise ColdforgeError."""
    started = time.monotonic()
    checkpoint = read_checkpoint(Path(model))
    if len(checkpoint.files) == 1:
        raise ColdforgeError(f"{model} is already in one file", "use it as it is")
    entries = [
        (checkpoint.places[name], name, item) for name, item in sorted(checkpoint.tensors.items())
    ]
    with whole(Path(out), JOINED) as folder:
        size = sum(item.size for _, _, item in entries)
        with step("Joining the shards", size, "bytes") as work:
            write_tensors(folder / "model.safetensors", entries, work.advance)
        for path in checkpoint.folder.iterdir():
            if path.is_file() and path not in checkpoint.files and path.name not in {CARD, INDEX}:
                shutil.copyfile(path, folder / path.name)
        facts = {
            "files": len(checkpoint.files),
            "origin": {"digest": checkpoint.digest, "card": read_card(checkpoint.folder)},
            "digest": read_checkpoint(folder).digest,
            "disk_bytes": (folder / "model.safetensors").stat().st_size,
            **circumstances("checkpoint.join", started),
        }
        if facts["digest"] != checkpoint.digest:
            raise ColdforgeError("the joined tensors differ from the shards'", "try again")
        write_card(folder, JOINED, facts)
    return {"model": model, "out": out, **facts}
