"""What a user may ask of a TensorRT-LLM engine, whatever the release calls it."""

from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from coldforge.engine.backend import Option
from coldforge.errors import ColdforgeError

NAME = "tensorrt-llm"
DTYPES = ("float16", "bfloat16", "float32")
KV_CACHES = ("", "continuous", "paged")
PRECISIONS = ("", "int8", "int4", "w8a8")


def _setting(default: str | float, text: str, *, path: bool = False) -> Any:  # noqa: ANN401 - a field
    """Declare a setting with its help text."""
    return field(default=default, metadata={"help": text, "path": path})


@dataclass(frozen=True)
class BuildSettings:
    """Options of engine.build, their help text beside them.

    Unless asked otherwise: one card, one sequence, 2048 tokens in and 1024 out.
    """

    max_batch_size: int = _setting(1, "sequences at a time. Default 1.")
    max_input_len: int = _setting(2048, "tokens of a prompt. Default 2048.")
    max_output_len: int = _setting(1024, "tokens of an answer. Default 1024.")
    max_beam_width: int = _setting(1, "beams. Default 1.")
    max_num_tokens: int = _setting(0, "tokens of a batch, padding removed. Default: the release's.")
    dtype: str = _setting("float16", "float16, bfloat16 or float32.")
    tp: int = _setting(1, "cards that share each layer. Default 1.")
    pp: int = _setting(1, "cards that share the layers out. Default 1.")
    kv_cache: str = _setting("", "continuous or paged. Default: the release's.")
    int8_kv_cache: bool = _setting(
        default=False, text="KV cache in int8; of originals, with --calibration."
    )
    precision: str = _setting("", "of an original: int8, int4 or w8a8, rounded by the release.")
    alpha: float = _setting(0.5, "w8a8: SmoothQuant's share. Default 0.5.")
    """Share of the activations' range that SmoothQuant moves into the weights."""
    calibration: str = _setting(
        "", "data set in a folder, for w8a8 and --int8-kv-cache.", path=True
    )
    also: str = _setting("", "more words of the release's profile, such as tokens_per_block=64.")
    """word=value, or a word alone, with commas between."""

    @property
    def calibrates(self) -> bool:
        """Tell whether the release runs the original on text to find scales."""
        return self.precision == "w8a8" or self.int8_kv_cache

    def words(self) -> dict[str, str | bool]:
        """Read `also`; raise ColdforgeError for a word that is empty or given twice."""
        found: dict[str, str | bool] = {}
        for part in filter(None, (part.strip() for part in self.also.split(","))):
            word, _, value = (text.strip() for text in part.partition("="))
            if not word or word in found:
                raise ColdforgeError(
                    f"--also {part!r} is empty or given twice", "write: word=value,word"
                )
            found[word] = value or True
        return found

    def check(self) -> None:
        """Raise ColdforgeError if a number is out of range or a name unknown."""
        numbers = (
            "max_batch_size",
            "max_input_len",
            "max_output_len",
            "max_beam_width",
            "tp",
            "pp",
        )
        for name in numbers:
            if getattr(self, name) < 1:
                raise ColdforgeError(
                    f"{flag(name)} {getattr(self, name)} is less than 1", "give 1 or more"
                )
        if self.max_num_tokens < 0:
            raise ColdforgeError(
                f"--max-num-tokens {self.max_num_tokens} is negative", "give 1 or more"
            )
        if not 0 < self.alpha < 1:
            raise ColdforgeError(
                f"--alpha {self.alpha} is not between 0 and 1", "give one such as 0.5"
            )
        _one_of("dtype", self.dtype, DTYPES)
        _one_of("kv_cache", self.kv_cache, KV_CACHES)
        _one_of("precision", self.precision, PRECISIONS)


def flag(name: str) -> str:
    """Spell a setting as the user does."""
    return f"--{name.replace('_', '-')}"


def _one_of(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        choices = ", ".join(filter(None, known))
        raise ColdforgeError(f"{flag(name)} {value} is not known", f"choose one of: {choices}")


def settings_of(asked: Mapping[str, Any]) -> BuildSettings:
    """Read the options of engine.build; raise ColdforgeError if alpha is not a number."""
    values = {item.name: asked[item.name] for item in fields(BuildSettings)}
    try:
        return BuildSettings(**{**values, "alpha": float(values["alpha"])})
    except ValueError as error:
        raise ColdforgeError(f"--alpha {values['alpha']} is not a number", "write 0.5") from error


def _option(setting: "Field[Any]") -> Option:
    """Declare a setting's flag; a float is read from text."""
    default, more = setting.default, setting.metadata
    value: Any = f"{default:g}" if isinstance(default, float) else default
    return Option(setting.name, value, more["help"], more["path"])


OPTIONS = tuple(map(_option, fields(BuildSettings)))
"""The settings as flags of engine.build."""
