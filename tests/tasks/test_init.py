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


def test_every_task_has_an_example_and_a_text_for_each_flag(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = {}
    for inside in ("", "1"):
        monkeypatch.setenv("COLDFORGE_IN_IMAGE", inside)
        root = collect()
        found |= {name: root[name] for name in root.task_names}
    for name, task in found.items():
        assert f"Example: invoke {name}" in (task.__doc__ or ""), name
        # Invoke moves a flag's text from the task into the argument, once.
        undocumented = [item.name for item in task.get_arguments() if not item.help]
        assert undocumented == [], name
