from pathlib import Path

import pytest
from invoke.context import Context

from coldforge.tasks._in_image import Inside
from coldforge.tasks.sweep import sweep
from tests.smallmodels import PLAIN, write_model


@pytest.fixture
def matrix(tmp_path: Path) -> Path:
    write_model(tmp_path / "one", PLAIN)
    path = tmp_path / "matrix.toml"
    path.write_text('models = ["one"]\nmethods = ["rtn"]\n', "utf-8")
    return path


def test_the_image_reads_matrix_and_models_and_has_no_network(
    handed: list[Inside], matrix: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    sweep.body(Context(), str(matrix), str(out))
    (work,) = handed
    assert (work.stack, work.cluster) == ("cpu", False)
    assert (work.reads, work.writes) == ([matrix, tmp_path / "one"], [out])
    assert work.flags == [f"--matrix={matrix}", f"--out={out}", "--jobs=1"]


def test_a_cluster_is_joined_from_the_image_that_has_ray(
    handed: list[Inside], matrix: Path, tmp_path: Path
) -> None:
    sweep.body(Context(), str(matrix), str(tmp_path / "out"), ray="head:6379", json=True)
    (work,) = handed
    assert (work.stack, work.cluster) == ("cpu-ray", True)
    assert {"--ray=head:6379", "--json"} <= set(work.flags)


def test_what_is_wrong_is_said_before_an_image_is_started(
    handed: list[Inside], matrix: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, out, said in (
        (tmp_path / "none.toml", tmp_path / "out", "cannot read"),
        (matrix, tmp_path, "was not made as a sweep"),
    ):
        with pytest.raises(SystemExit):
            sweep.body(Context(), str(path), str(out))
        assert said in capsys.readouterr().err
    assert handed == []
