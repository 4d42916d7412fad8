"""engine.*: build an engine, check what would become of it, compare and run it."""

from invoke.collection import Collection

from coldforge.tasks._command import everywhere
from coldforge.tasks.engine_build import build
from coldforge.tasks.engine_check import check
from coldforge.tasks.engine_compare import compare
from coldforge.tasks.engine_memory import memory
from coldforge.tasks.engine_run import run

TASKS = everywhere(Collection("engine", build, check, compare, memory, run))
