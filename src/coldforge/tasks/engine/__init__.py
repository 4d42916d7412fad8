"""engine.*: build an engine, check what would become of it, compare and run it."""

from invoke.collection import Collection

namespace = Collection("engine")
