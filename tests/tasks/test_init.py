import os
import subprocess
import sys
from pathlib import Path

import pytest

from coldforge import tasks
from coldforge.tasks import collect

FAKE = """
from invoke.collection import Collection
from coldforge.tasks._command import {where}, task

@task
def hello(context):
    'Say hello.'

TASKS = {where}(hello, Collection("greet", hello))
"""


def add_module(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, where: str) -> None:
    """Add a module to coldforge.tasks."""
    (folder / f"{name}.py").write_text(FAKE.format(where=where))
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(folder)])


@pytest.mark.parametrize(
    ("where", "host", "image"),
    [("everywhere", True, True), ("on_host", True, False), ("in_image", False, True)],
)
def test_a_module_registers_its_tasks_where_they_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, host: bool, image: bool
) -> None:
    add_module(tmp_path, monkeypatch, f"fake_{where}", where)
    for variable, expected in (("", host), ("1", image)):
        monkeypatch.setenv("COLDFORGE_IN_IMAGE", variable)
        names = collect().task_names
        assert ({"hello", "greet.hello"} <= set(names)) is expected


def test_a_private_module_registers_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_module(tmp_path, monkeypatch, "_fake", "everywhere")
    monkeypatch.delenv("COLDFORGE_IN_IMAGE", raising=False)
    assert "hello" not in collect().task_names


CHECK = """
from coldforge.tasks import namespace
for name in namespace.task_names:
    task = namespace[name]
    if f"Example: invoke {name}" not in (task.__doc__ or ""):
        print(name, "has no example")
    for argument in task.get_arguments():
        if not argument.help:
            print(name, "has no text for", argument.name)
"""


@pytest.mark.parametrize("inside", ["", "1"])
def test_every_task_has_an_example_and_a_text_for_each_flag(inside: str) -> None:
    # In a process of its own: Invoke moves a flag's text out of the task when it is first parsed.
    environment = os.environ | {"COLDFORGE_IN_IMAGE": inside}
    command = [sys.executable, "-c", CHECK]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == ""
