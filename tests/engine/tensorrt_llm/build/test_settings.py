import pytest
from hypothesis import given
from hypothesis import strategies as st

from coldforge.engine.tensorrt_llm.build.settings import OPTIONS, BuildSettings, settings_of
from coldforge.errors import ColdforgeError

WORD = st.from_regex(r"[a-z_]{1,20}", fullmatch=True)
VALUE = st.from_regex(r"[a-z0-9]{0,8}", fullmatch=True)


@given(st.dictionaries(WORD, VALUE, max_size=4))
def test_further_words_are_read_as_they_were_written(words: dict[str, str]) -> None:
    text = ", ".join(f"{word}={value}" if value else word for word, value in words.items())
    read = BuildSettings(also=text).words()
    assert read == {word: value or True for word, value in words.items()}


@pytest.mark.parametrize("also", ["=3", "a=1,a=2"])
def test_a_word_said_twice_or_not_at_all_is_refused(also: str) -> None:
    with pytest.raises(ColdforgeError, match="--also"):
        BuildSettings(also=also).words()


@pytest.mark.parametrize(
    ("asked", "flag"),
    [
        ({"max_batch_size": 0}, "--max-batch-size 0"),
        ({"tp": -1}, "--tp -1"),
        ({"max_num_tokens": -1}, "--max-num-tokens"),
        ({"alpha": 1.0}, "--alpha"),
        ({"dtype": "int8"}, "--dtype int8"),
        ({"kv_cache": "big"}, "--kv-cache big"),
        ({"precision": "int3"}, "--precision int3"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_flag(asked: dict[str, object], flag: str) -> None:
    with pytest.raises(ColdforgeError, match=flag):
        BuildSettings(**asked).check()  # type: ignore[arg-type]
    BuildSettings().check()


def test_an_alpha_that_is_no_number_is_refused() -> None:
    asked = {option.name: option.default for option in OPTIONS}
    assert settings_of(asked) == BuildSettings()
    with pytest.raises(ColdforgeError, match="is not a number"):
        settings_of({**asked, "alpha": "half"})
