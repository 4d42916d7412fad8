"""Load checkpoints with the libraries others use and compare 64 greedy tokens to ours.

Run where torch is: python tests/model/thirdparty.py CHECKPOINT... It prints a line a checkpoint and
loader: equal, the first difference and how close the two best logits were there, or why the loader
refused. It exits 1 on a difference.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TextIO

from coldforge.checkpoint.checkpoint import Checkpoint, read_checkpoint
from coldforge.model.runtime import prepare

PROMPT = "import os\nimport sys\n\n\ndef main(path):\n"
TOKENS = 64

Load = Callable[[Path], Any]
"""A folder to something with Transformers' `generate`."""


@dataclass(frozen=True)
class Verdict:
    """What one loader made of one checkpoint."""

    loader: str
    same: int
    """Leading tokens equal to ours."""
    length: int
    """Tokens of ours."""
    said: str
    """The verdict, to be read."""

    @property
    def equal(self) -> bool:
        """Whether every token was ours."""
        return self.said.startswith("equal")

    @property
    def differs(self) -> bool:
        """Whether it was loaded, and said something else."""
        return self.said.startswith("first difference")


def with_transformers(folder: Path) -> Any:
    """Load by Transformers' own reading of the config; its plain kernels, float32."""
    import torch
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True}
    kernel = _kernel(folder)
    if kernel is not None:
        options |= {"quantization_config": kernel, "device_map": "cpu"}
    model, info = AutoModelForCausalLM.from_pretrained(
        str(folder), output_loading_info=True, **options
    )
    # What does not fit is filled with random numbers, and only remarked on.
    unfit = {kind: sorted(map(str, found)) for kind, found in info.items() if found}
    if unfit:
        raise ValueError(f"weights do not fit: {unfit}")
    return model.eval()


def with_gptqmodel(folder: Path) -> Any:
    """Load with GPTQModel's plain kernel; it takes float16 alone, but then computes in float32."""
    import torch
    from gptqmodel import BACKEND, GPTQModel

    loaded = GPTQModel.load(str(folder), device="cpu", dtype=torch.float16, backend=BACKEND.TORCH)
    return loaded.model.float().eval()


def with_compressed_tensors(folder: Path) -> Any:
    """Load with compressed-tensors alone, which knows Linear only: Conv1D layers become that."""
    import torch
    from compressed_tensors.compressors import ModelCompressor
    from compressed_tensors.quantization import QuantizationConfig, apply_quantization_config
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoModelForCausalLM

    config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
    settings = QuantizationConfig.model_validate(config.quantization_config)
    del config.quantization_config
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    _unturn(model)
    apply_quantization_config(model, settings, show_progress=False)
    ModelCompressor(quantization_config=settings).compress_model(model)
    files = read_checkpoint(folder).files
    state = {name: item for path in files for name, item in load_file(path).items()}
    lacking, foreign = model.load_state_dict(state, strict=False)
    if foreign or (lacking and lacking != ["lm_head.weight"]):
        raise ValueError(f"weights do not fit: {lacking}, {foreign}")
    model.tie_weights()
    return model.eval()


def _unturn(model: Any) -> None:
    """Put Linear layers in place of GPT-2's Conv1D, whose weights are stored as theirs."""
    import torch
    from transformers.pytorch_utils import Conv1D

    for name, module in list(model.named_modules()):
        if isinstance(module, Conv1D):
            model.set_submodule(name, torch.nn.Linear(*module.weight.shape))


LOADERS: dict[str, dict[str, Load]] = {
    "": {"transformers": with_transformers},
    "gptq": {"gptqmodel": with_gptqmodel, "transformers": with_transformers},
    "awq": {"gptqmodel": with_gptqmodel, "transformers": with_transformers},
    "compressed-tensors": {
        "compressed-tensors": with_compressed_tensors,
        "transformers": with_transformers,
    },
}
"""Who reads what, by quant_method; nobody else reads our own formats."""


def verdicts(folder: Path, prompt: str = PROMPT) -> Iterator[Verdict]:
    """Compare every loader's tokens to ours."""
    checkpoint = read_checkpoint(folder)
    kind = str(checkpoint.quantization.get("quant_method", ""))
    if kind not in LOADERS:
        return
    ids, ours, margins = _ours(checkpoint, prompt)
    for name, load in LOADERS[kind].items():
        yield judge(name, partial(_loaded, load, folder, ids), ours, margins)


def judge(
    name: str, tokens: Callable[[], list[int]], ours: list[int], margins: list[float]
) -> Verdict:
    """Compare a loader's tokens to ours; a loader that fails has refused.

    `margins` are the distances of our two best logits where each of our tokens was chosen.
    """
    try:
        theirs = tokens()
    except Exception as error:  # noqa: BLE001 - whatever a library raises is its answer
        first = (str(error).splitlines() or [""])[0]
        return Verdict(name, 0, len(ours), f"refused: {type(error).__name__}: {first}")
    if theirs == ours:
        nearest = min(margins, default=0.0)
        said = f"equal, {len(ours)} tokens; our two best logits never nearer than {nearest:.4f}"
        return Verdict(name, len(ours), len(ours), said)
    pairs = enumerate(zip(ours, theirs, strict=False))
    shorter = min(len(ours), len(theirs))
    at = next((index for index, (one, other) in pairs if one != other), shorter)
    close = f", where our two best logits were {margins[at]:.4f} apart" if at < len(margins) else ""
    return Verdict(name, at, len(ours), f"first difference at token {at}{close}")


def _ours(checkpoint: Checkpoint, prompt: str) -> tuple[list[int], list[int], list[float]]:
    """Return the prompt's ids, our continuation, and how far apart its two best logits were."""
    import torch

    from coldforge.model.generate import continuation
    from coldforge.model.loading.load import load_model
    from coldforge.model.tokens import ModelTokens

    tokens, model = ModelTokens(checkpoint.folder), load_model(checkpoint)
    ids, ours = tokens.encode([prompt])[0], list(continuation(model, tokens, prompt, TOKENS))
    with torch.inference_mode():
        logits = model(torch.tensor([ids + ours])).logits[0, len(ids) - 1 : -1]
    best = logits.topk(2).values
    return ids, ours, (best[:, 0] - best[:, 1]).tolist()


def _loaded(load: Load, folder: Path, ids: list[int]) -> list[int]:
    """Load and continue; what a library remarks on meanwhile is no error of ours."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _theirs(load(folder), ids)


def _theirs(model: Any, ids: list[int]) -> list[int]:
    """Continue greedily with the library's own loop; the end token is left out."""
    import torch

    feed = torch.tensor([ids])
    # GPTQModel compiles its kernels, which takes longer than the whole comparison.
    with torch.inference_mode(), torch.compiler.set_stance("force_eager"):
        made = model.generate(
            input_ids=feed,
            attention_mask=torch.ones_like(feed),
            max_new_tokens=TOKENS,
            do_sample=False,
        )
    found: list[int] = made[0, len(ids) :].tolist()
    end = model.config.eos_token_id
    return found[:-1] if found and found[-1] == end else found


def _kernel(folder: Path) -> Any:
    """Name the plain kernel: `auto` picks by processor, and some round inputs to 8 bits."""
    from transformers import AwqConfig, GPTQConfig

    quantization = read_checkpoint(folder).quantization
    kind, bits = quantization.get("quant_method"), quantization.get("bits")
    if kind == "gptq":
        return GPTQConfig(bits=bits, backend="torch")
    if kind == "awq":
        return AwqConfig(bits=bits, backend="torch_awq")
    return None


@contextmanager
def aside() -> Iterator[TextIO]:
    """Yield the real stdout; meanwhile what the libraries print there goes to stderr."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        with os.fdopen(kept, "w", closefd=False) as stream:
            yield stream
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def main(folders: list[str]) -> int:
    """Print every verdict; return 1 if tokens differ anywhere."""
    prepare()
    wrong = 0
    with aside() as out:
        for folder in map(Path, folders):
            found = list(verdicts(folder))
            for verdict in found:
                out.write(f"{folder.name:<24} {verdict.loader:<18} {verdict.said}\n")
                wrong += verdict.differs
            if not found:
                out.write(f"{folder.name:<24} no other tool reads this format\n")
            out.flush()
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
