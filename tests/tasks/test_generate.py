import pytest
from invoke.context import Context

from coldforge.tasks._in_image import Inside
from coldforge.tasks.generate import generate


@pytest.mark.parametrize("given", [{}, {"model": "m", "engine": "e"}])
def test_a_model_or_an_engine_is_named_and_not_both(
    given: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        generate.body(Context(), "hello", **given)
    assert "give --model or --engine" in capsys.readouterr().err


@pytest.mark.parametrize("what", ["model", "engine"])
def test_either_is_shown_to_the_image(handed: list[Inside], what: str) -> None:
    generate.body(Context(), "hello", **{what: "/some/where"})
    (work,) = handed
    assert [str(path) for path in work.reads] == ["/some/where"]
    assert work.flags[:2] == [f"--{what}=/some/where", "--prompt=hello"]
