"""Build a stack: every layer from the bottom up, from the cache or made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from coldforge import __version__
from coldforge.errors import MissingInputError, NotFetchedError
from coldforge.image.build.cache import Cache
from coldforge.image.build.check import run_check
from coldforge.image.build.plan import compile_layers, descriptor, layer_description
from coldforge.image.build.wheels import WheelBuild, audited_wheel
from coldforge.image.containers.docker_engine import image_name, load
from coldforge.image.containers.step import docker_errors
from coldforge.image.filesystem.tree import Tree, read_tree, union
from coldforge.image.layers import make
from coldforge.image.layers.context import BuildContext, fixed_environment
from coldforge.image.layers.project import build_project, revision
from coldforge.image.layers.release_build import BuildEnvironment, CompileOptions
from coldforge.image.oci.config import image_config, image_manifest
from coldforge.image.oci.layout import CONFIG, MANIFEST, Descriptor
from coldforge.mirror.missing import FileToBring, files_to_bring, screen
from coldforge.progress import amount, say, step
from coldforge.stack.lock import lock_digest

if TYPE_CHECKING:
    import docker

Connect = Callable[[], "docker.DockerClient"]


@dataclass(frozen=True)
class BuiltImage:
    """A finished image: its manifest and the layers it is made of."""

    stack: str
    manifest: Descriptor
    config: Descriptor
    layers: dict[str, Descriptor]

    def json(self) -> dict[str, object]:
        """Spell the result for programs."""
        return {
            "stack": self.stack,
            "digest": self.manifest.digest,
            "image_id": self.config.digest,
            "layers": {name: item.digest for name, item in self.layers.items()},
            "bytes": sum(item.size for item in self.layers.values()),
        }


class Builder:
    """A build in progress: the layers so far and what is missing."""

    def __init__(
        self, context: BuildContext, connect: Connect, options: CompileOptions | None = None
    ) -> None:
        """Build in `context`, connecting to a Docker Engine when the first step needs one."""
        self.context, self.connect, self.options = context, connect, options or CompileOptions()
        self.cache = Cache(context.root / "cache")
        self.layers: dict[str, Descriptor] = {}
        self.lacking: list[FileToBring] = []
        self.unfetched: list[NotFetchedError] = []
        self._builder: Builder | None = None
        self._trees: dict[str, Tree] = {}

    def build(self) -> BuiltImage:
        """Make every layer from the bottom up, check it, and write config and manifest.

        Raise MissingInputError, after making all that can be made, if files must be brought.
        """
        with self.context.layout.held(), docker_errors("the build"):
            self.attempt()
        self._refuse()
        return self._finished()

    def _finished(self) -> BuiltImage:
        config, manifest = self._describe(self._labels())
        self.context.layout.tag(self.context.stack.name, manifest)
        return BuiltImage(self.context.stack.name, manifest, config, self.layers)

    def wheel(self, name: str) -> Path:
        """Make the wheel of one recipe, audited against the layers it is for.

        Raise MissingInputError, before anything is made, if files must be brought.
        """
        context, below = self.context, list[str]()
        for layer, recipe in context.stack.layers.items():
            if name in recipe.inputs.wheels:
                break
            below.append(layer)
        compilers = (
            [(context.builder, use) for use in context.builder.stack.layers]
            if context.builder
            else []
        )
        for at, use in [*compilers, *((context, use) for use in (*below, f"wheel/{name}"))]:
            self.lacking += files_to_bring(at.stack, at.lock, at.store, use)
        self._refuse()
        with self.context.layout.held(), docker_errors("the build"):
            self.attempt(below)
            builder = self._wheel_builder()
            self.unfetched += builder.unfetched if builder is not self else []
            self._refuse()
            return self._wheel(name, layer)[0]

    def _refuse(self) -> None:
        """Show what must be brought, and raise MissingInputError, if anything is not there."""
        if self.lacking:
            say(screen(self.context.stack.name, self.lacking))
            some = ", ".join(sorted({file.name for file in self.lacking}))
            message = f"stack {self.context.stack.name} lacks files that must be brought: {some}"
            hint = "add each as shown; the same command continues"
            if self.unfetched:
                hint += f"; for the files that need no bringing {self.unfetched[0].hint}"
            raise MissingInputError(message, hint)
        if self.unfetched:
            raise self.unfetched[0]

    def attempt(self, names: Iterable[str] | None = None) -> None:
        """Make every layer, or the lowest `names`, that can be made; collect what the others lack.

        Above a gap, a layer that is assembled is made all the same: its bytes need no parent.
        """
        for name in self.context.stack.layers if names is None else names:
            recipe = self.context.stack.layers[name]
            missing = self._missing(name)
            compiles = recipe.inputs.wheels and not self.context.builder
            if missing or (self._incomplete() and (recipe.script or compiles)):
                continue
            try:
                made = self._layer(name)
            except NotFetchedError as error:
                self.unfetched.append(error)
                continue
            if not self._incomplete():
                self.layers[name] = made
                run_check(self.context, self.cache, name, self._below(), self._runner)

    def _incomplete(self) -> bool:
        """Tell whether a layer so far could not be made."""
        return bool(self.lacking or self.unfetched)

    def _missing(self, name: str) -> bool:
        """Note what is not there for a layer and the wheels it takes; tell whether anything."""
        context, wheels = self.context, self.context.stack.layers[name].inputs.wheels
        found = []
        for use in (name, *(f"wheel/{wheel}" for wheel in wheels)):
            found += files_to_bring(context.stack, context.lock, context.store, use)
        self.lacking += found
        if not wheels or context.builder is None:
            return bool(found)
        builder = self._wheel_builder()
        self.lacking += builder.lacking
        self.unfetched += builder.unfetched
        return bool(found) or builder._incomplete()

    def _wheel_builder(self) -> "Builder":
        """Give the build in whose image wheels are compiled: the builder stack's, or this one."""
        if self.context.builder is None:
            return self
        if self._builder is None:
            self._builder = Builder(self.context.builder, self.connect)
            self._builder.attempt()
            if not self._builder._incomplete():
                self._builder._finished()
        return self._builder

    def _layer(self, name: str) -> Descriptor:
        recipe = self.context.stack.layers[name]
        wheels = {wheel: self._wheel(wheel, name) for wheel in recipe.inputs.wheels}
        digests = {wheel: digest for wheel, (_, digest) in wheels.items()}
        description = layer_description(self.context, name, digests, self._below())
        record = self.cache.get(description)
        if record and self.context.layout.blob(record["digest"]).exists():
            return descriptor(record)
        with step(f"{'Building' if recipe.script else 'Assembling'} layer {name}") as at:
            made = self._make(name, {wheel: path for wheel, (path, _) in wheels.items()})
            at.result = f"{amount(made.size)}, {made.digest[:19]}"
        self.cache.put(name, description, {"digest": made.digest, "size": str(made.size)})
        return made

    def _make(self, name: str, wheels: dict[str, Path]) -> Descriptor:
        recipe = self.context.stack.layers[name]
        if recipe.script:
            client, image = self._runner() if self.layers else self._bootstrap(name)
            return make.built_layer(client, self.context, name, image, self._tree())
        folder = self.context.root / "wheels" / "project"
        project = build_project(self.context.space, folder) if recipe.inputs.project else None
        return make.assembled_layer(self.context, name, wheels, project)

    def _wheel(self, name: str, layer: str) -> tuple[Path, str]:
        builder = self._wheel_builder()

        def build_env() -> BuildEnvironment:
            env = fixed_environment(*compile_layers(self.context, layer))
            return BuildEnvironment(*builder._runner(), env, self.options)

        return audited_wheel(
            WheelBuild(
                context=self.context,
                cache=self.cache,
                name=name,
                layer=layer,
                below=self._below(),
                compilers=builder._below(),
                build_env=build_env,
                options=self.options,
            )
        )

    def _runner(self) -> tuple["docker.DockerClient", str]:
        """Load into Docker an image of the layers so far, to run steps in."""
        return self._loaded("below", self._describe({})[1])

    def _bootstrap(self, name: str) -> tuple["docker.DockerClient", str]:
        """Load into Docker the first layer's packages, unpacked but not configured."""
        layer = make.bootstrap_layer(self.context, name)
        layout = self.context.layout
        config = layout.put(image_config(self.context.stack, [(name, layer.digest)], {}), CONFIG)
        manifest = layout.put(image_manifest(config, [layer]), MANIFEST)
        try:
            return self._loaded("bootstrap", manifest)
        finally:
            layout.blob(layer.digest).unlink()

    def _loaded(self, tag: str, manifest: Descriptor) -> tuple["docker.DockerClient", str]:
        client, name = self.connect(), image_name(self.context.stack.name, tag)
        load(client, self.context.layout, manifest, name)
        return client, name

    def _describe(self, labels: dict[str, str]) -> tuple[Descriptor, Descriptor]:
        layers = [(name, layer.digest) for name, layer in self.layers.items()]
        config = self.context.layout.put(image_config(self.context.stack, layers, labels), CONFIG)
        manifest = image_manifest(config, list(self.layers.values()))
        return config, self.context.layout.put(manifest, MANIFEST)

    def _labels(self) -> dict[str, str]:
        stack, profile = self.context.stack.name, self.context.stack.profile
        fixture = {"coldforge.fixture": profile.summary} if profile and profile.fixture else {}
        return fixture | {
            "org.opencontainers.image.revision": revision(self.context.space),
            # No public address yet: a package URL names what the revision is a revision of.
            "org.opencontainers.image.source": "pkg:generic/coldforge",
            "org.opencontainers.image.version": __version__,
            "coldforge.stack": stack,
            "coldforge.lock": f"sha256:{lock_digest(self.context.space.lock(stack))}",
        }

    def _below(self) -> list[str]:
        return [layer.digest for layer in self.layers.values()]

    def _tree(self) -> Tree:
        """Read the file system of the layers so far."""
        for digest in self._below():
            if digest not in self._trees:
                self._trees[digest] = read_tree(self.context.layout.blob(digest))
        return union([self._trees[digest] for digest in self._below()])
