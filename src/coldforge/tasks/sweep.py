"""sweep: models by methods by backends, here or on a Ray cluster."""

from functools import partial
from pathlib import Path
from typing import Any

from invoke.context import Context

from coldforge.tasks._command import emit, everywhere, task
from coldforge.tasks._in_image import HELP, flags, full, outside


@partial(
    task,
    help={
        **HELP,
        "matrix": "TOML file: models, methods, backends; paths relative to it.",
        "out": "Folder for checkpoints, engines and runs/, which `report --runs` reads.",
        "jobs": "Models by methods at a time; 1, the default, for timings.",
        "ray": "HOST:PORT of a Ray cluster to do the work, its nodes from the same image.",
    },
)
def sweep(  # noqa: PLR0913, PLR0917 - a flag each
    context: Context,
    matrix: str,
    out: str,
    jobs: int = 1,
    ray: str = "",
    yes: bool = False,
    json: bool = False,
) -> None:
    """Quantise, evaluate, build and measure every cell of a matrix; no cell twice.

    Killed, the same command continues. A cell that fails does not stop the others; the next run
    tries it again.

    With --ray a cluster does the work. Its nodes see --out and the models at the same paths and
    run from the same image: docker run -d --network host --read-only --tmpfs /tmp:mode=1777,exec
    --user $(id -u):$(id -g) -e HOME=/tmp -v /shared:/shared localhost/coldforge/cpu-ray
    ray start --block --num-cpus=1 --plasma-directory=/tmp, and then on one machine --head
    --port=6379 --include-dashboard=false, on the others --address=HEAD:6379.

    The matrix: models = ["llama"], methods = ["fp16", {method = "gptq", bits = 8}] and, as you
    like, backends = ["onnxruntime"], [calibration] text, samples, length, seed, [evaluate] text,
    window, limit, [bench] grid, batch_size, repeats, warmup, threads.

    Example: invoke sweep --matrix sweep.toml --out sweeps/first --ray 127.0.0.1:6379
    """
    from coldforge.errors import ColdforgeError
    from coldforge.experiments.sweep.sweep import failures, run_sweep, table

    if outside():
        _hand_over(matrix, out, {"jobs": jobs, "ray": ray, "json": json}, yes)
        return
    found = run_sweep(matrix, out, at_once=jobs, ray=ray)
    emit(found, json, table(found))
    if wrong := failures(found):
        raise ColdforgeError(
            f"failed: {', '.join(wrong)}",
            "their errors stand above; the same command tries them again",
        )


def _hand_over(matrix: str, out: str, options: dict[str, Any], yes: bool) -> None:
    """Run in the image, which writes into `out` directly: results stay if it is killed."""
    from coldforge.experiments.sweep.job import claim
    from coldforge.experiments.sweep.matrix import read_matrix
    from coldforge.tasks._in_image import Inside, run

    asked, place, ray = read_matrix(Path(matrix)), Path(full(out)), bool(options["ray"])
    claim(place)
    spelled = flags(matrix=full(matrix), out=str(place), **options)
    stack = "cpu-ray" if ray else "cpu"
    reads = [Path(full(matrix)), *asked.reads()]
    run(Inside("sweep", spelled, reads, [place], stack, yes, cluster=ray))


TASKS = everywhere(sweep)
