"""Why a release cannot read a checkpoint, and what to do."""


class Crash(Exception):  # noqa: N818 - it says what a loader would do
    """A loader would stop here: why, and what to do instead."""

    def __init__(self, why: str, fix: str) -> None:
        """Keep `why` and `fix`, a phrase each."""
        super().__init__(why)
        self.why, self.fix = why, fix


CONVERT = "convert it: checkpoint.convert --to gptq"
PLAIN = "decode it: checkpoint.convert --to fp16"
REQUANTISE = "quantise again: quantize --method gptq --bits 4 --group-size 128"
ACT_ORDER = f"{REQUANTISE} --act-order (static groups); with other tools --desc-act false"
NEWER = "take another release: --release 0.10"
TP = "take another --tp: 1 always fits"
FP16 = "build with --dtype float16"
BF16 = "build with --dtype bfloat16; quantised checkpoints with --release 1.2 at that"
UNIFIED = "take another release: --release 1.2"
JOIN = "put it into one file: checkpoint.join; or take --release 1.2"
SYMMETRIC = "quantise again without --asym, or take another release: --release 0.10"
