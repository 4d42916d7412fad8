"""What a user may say of a TensorRT-LLM engine, whatever the release calls it."""

from dataclasses import dataclass

from coldforge.errors import ColdforgeError

DTYPES = ("float16", "bfloat16", "float32")
KV_CACHES = ("", "continuous", "paged")
PRECISIONS = ("", "int8", "int4", "w8a8")


@dataclass(frozen=True)
class Settings:
    """One card, one sequence, 2048 tokens in and 1024 out, unless said otherwise."""

    max_batch_size: int = 1
    max_input_len: int = 2048
    max_output_len: int = 1024
    max_beam_width: int = 1
    max_num_tokens: int = 0
    """Tokens of a batch without padding; 0: the release's own choice."""
    dtype: str = "float16"
    tp: int = 1
    pp: int = 1
    kv_cache: str = ""
    """continuous or paged; empty: the release's own choice."""
    int8_kv_cache: bool = False
    precision: str = ""
    """Of an original, rounded by the release: int8, int4 (weights alone) or w8a8."""
    alpha: float = 0.5
    """w8a8: share of the activations' range that SmoothQuant moves into the weights."""
    calibration: str = ""
    """Data set in a folder, for w8a8 and an int8 KV cache."""
    also: str = ""
    """Further words of the release's profile: word=value, or a word alone, with commas between."""

    @property
    def calibrates(self) -> bool:
        """Tell whether the release runs the original on text to find scales."""
        return self.precision == "w8a8" or self.int8_kv_cache

    def words(self) -> dict[str, str | bool]:
        """Read `also`; raise ColdforgeError for a word said twice or none at all."""
        found: dict[str, str | bool] = {}
        for part in filter(None, (part.strip() for part in self.also.split(","))):
            word, _, value = (side.strip() for side in part.partition("="))
            if not word or word in found:
                raise ColdforgeError(f"--also {part!r} says nothing new", "write: word=value,word")
            found[word] = value or True
        return found

    def check(self) -> None:
        """Raise ColdforgeError if a number or a name makes no sense."""
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
                raise ColdforgeError(f"{flag(name)} {getattr(self, name)}", "give 1 or more")
        if self.max_num_tokens < 0:
            raise ColdforgeError(f"--max-num-tokens {self.max_num_tokens}", "give 1 or more")
        if not 0 < self.alpha < 1:
            raise ColdforgeError(f"--alpha {self.alpha} is no share", "give one such as 0.5")
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
