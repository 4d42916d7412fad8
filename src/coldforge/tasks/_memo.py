"""Tasks that run in the image and keep their results: nothing runs twice for the same inputs."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coldforge.image.build.builder import BuiltImage

Result = dict[str, Any]


class Seconds:
    """The seconds that each step took, in order."""

    def __init__(self) -> None:
        """Start empty."""
        self.spent: dict[str, float] = {}

    def __call__(self, name: str, work: Callable[[], Any]) -> Any:  # noqa: ANN401 - work's own
        """Do `work` and record its seconds."""
        started = time.monotonic()
        done = work()
        self.spent[name] = round(time.monotonic() - started, 1)
        return done


class CachedTasks:
    """Runs tasks on the folders of one home, unless their results are cached."""

    def __init__(self, home: Path, built: "BuiltImage", yes: bool) -> None:
        """Keep results and models in `home`."""
        from coldforge.image.build.cache import Cache

        self.home, self.yes = home, yes
        self.layers = " ".join(layer.digest for layer in built.layers.values())
        self.cache = Cache(home / "cache")

    def make(self, name: str, out: str, flags: Iterable[str] = (), **folders: str) -> Result:
        """Run a task that makes folder `out` of `home`, unless it was made from the same inputs."""
        return self._ask(name, [*flags, f"--out={self.home / out}"], folders, self.home / out)

    def ask(self, name: str, flags: Iterable[str] = (), **folders: str | list[str]) -> Result:
        """Run a task; `folders` maps its flags to folders of `home`."""
        return self._ask(name, [*flags], folders)

    def _ask(
        self,
        name: str,
        flags: list[str],
        folders: "dict[str, str] | dict[str, str | list[str]]",
        needs: Path | None = None,
    ) -> Result:
        from coldforge.tasks._in_image import Inside, ask

        description = {"task": name, "layers": self.layers}
        for flag, named in folders.items():
            for folder in [named] if isinstance(named, str) else named:
                flags.append(f"--{flag}={self.home / folder}")
                description[f"input {folder}"] = self._card(folder)
        description["flags"] = " ".join(flags)
        cached = self.cache.get(description)
        if cached is not None and (needs is None or needs.is_dir()):
            result: Result = cached["answer"]
            return result
        self.home.mkdir(parents=True, exist_ok=True)
        answer = ask(Inside(name, flags, writes=[self.home], yes=self.yes))
        self.cache.put(name, description, {"answer": answer})
        return answer

    def _card(self, folder: str) -> str:
        """Identify an input folder by its card, which holds its digest."""
        from coldforge.files.digest import sha256_file

        return sha256_file(self.home / folder / "coldforge.json")
