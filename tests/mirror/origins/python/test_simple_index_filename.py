import pytest

from coldforge.mirror.origins.python.simple_index import project_of


@pytest.mark.parametrize(
    ("file", "project"),
    [
        ("Demo_X.y-1.0-py3-none-any.whl", ("demo-x-y", "1.0")),
        ("demo-x-1.0.tar.gz", ("demo-x", "1.0")),
        ("demo-1.0.zip", ("demo", "1.0")),
    ],
)
def test_a_file_name_tells_project_and_version(file: str, project: tuple[str, str]) -> None:
    assert project_of(file) == project
