"""engine.*: build an engine, check what would become of it, compare and run it."""

from invoke.collection import Collection

from coldforge.tasks.engine.build import build
from coldforge.tasks.engine.check import check
from coldforge.tasks.engine.compare import compare
from coldforge.tasks.engine.memory import memory
from coldforge.tasks.engine.run import run

namespace = Collection("engine", build, check, compare, memory, run)
