"""What editors, git and pre-commit are told agrees with what the suite checks."""

import ast
import re
import tomllib
from pathlib import Path

from coldforge import __version__
from tests.test_style import shell_scripts

CHECKOUT = Path(__file__).resolve().parents[1]
HOOK = re.compile(r"^ +entry: \.venv/bin/(.+)$", re.MULTILINE)
LISTING = "--show-files"
"""An argument of ruff that checks nothing."""


def suite_commands() -> set[str]:
    """Read the commands of test_style.py: the program and its fixed arguments."""
    found = set()
    tree = ast.parse((CHECKOUT / "tests" / "test_style.py").read_text("utf-8"))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    for call in calls:
        if isinstance(call.func, ast.Name) and call.func.id == "run":
            program = re.fullmatch(r"str\(BIN / '(\w+)'\)", ast.unparse(call.args[0]))
            assert program is not None
            words = [ast.unparse(word) for word in call.args[1:]]
            words = ["build/cache" if "CACHE" in word else word.strip("'") for word in words]
            found.add(" ".join([program[1], *(word for word in words if not word.startswith("*"))]))
    return {command for command in found if LISTING not in command}


def test_pre_commit_runs_what_the_suite_runs() -> None:
    text = (CHECKOUT / ".pre-commit-config.yaml").read_text("utf-8")
    hooks = {re.sub(r"build/cache/\w+", "build/cache", entry) for entry in HOOK.findall(text)}
    assert hooks == suite_commands()
    assert len(hooks) == 4
    assert text.count("repo:") == text.count("repo: local") == 1


def test_the_shell_hook_gets_the_scripts_that_the_suite_checks() -> None:
    # pre-commit's type shell: the ending .sh, or a first line that names a shell.
    named = {script for script in shell_scripts() if not script.endswith(".sh")}
    assert {"invokew", ".ci/run"} <= named
    endings = {str(path.relative_to(CHECKOUT)) for path in (CHECKOUT / "src").rglob("*.sh")}
    assert endings <= set(shell_scripts())


def test_the_version_stands_once_and_the_changelog_begins_with_it() -> None:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text("utf-8"))["project"]
    changelog = (CHECKOUT / "CHANGELOG.md").read_text("utf-8")
    released = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]?", changelog, re.MULTILINE)
    assert project["version"] == __version__ == released[0]
