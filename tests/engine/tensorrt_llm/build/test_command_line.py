import shlex
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coldforge.engine.tensorrt_llm.build.command_line import ReleaseCommand, build_paths, translate
from coldforge.errors import ColdforgeError

OUT = Path("/engines/one")


def commands(build_request: Any) -> list[str]:
    return [command.text for command in translate(build_request, build_paths(OUT))]


def options(command: str) -> dict[str, str]:
    """Read a command's flags, each with what follows it."""
    found: dict[str, str] = {}
    for word in shlex.split(command):
        if word.startswith("--"):
            flag, found[word] = word, ""
        elif found:
            found[flag] = f"{found[flag]} {word}".strip()
    return found


def test_release_0_5_0_is_told_of_one_card_and_gptq_as_the_practice_told_it(
    build_request: Any, gptq: dict[str, Any]
) -> None:
    asked = build_request("0.5.0", gptq)
    model = shlex.quote(str(asked.checkpoint.folder))
    file = shlex.quote(str(asked.checkpoint.folder / "model-0.safetensors"))
    assert commands(asked) == [
        f"python3 examples/llama/build.py --model_dir {model} --quant_ckpt_path {file} "
        "--dtype float16 --use_gpt_attention_plugin float16 --use_gemm_plugin float16 "
        "--use_weight_only --weight_only_precision int4_gptq --per_group --max_batch_size 1 "
        "--max_input_len 2048 --max_output_len 1024 --output_dir /engines/one"
    ]


def test_later_releases_convert_first_and_build_what_was_converted(build_request: Any) -> None:
    for release in ("0.10", "1.2"):
        convert, build = map(options, commands(build_request(release)))
        assert convert["--output_dir"] == build["--checkpoint_dir"] == "/engines/one.checkpoint"
        assert build["--output_dir"] == "/engines/one"


def test_lengths_are_said_as_each_release_counts_them(build_request: Any) -> None:
    lengths = {"max_input_len": 100, "max_output_len": 28}
    assert options(commands(build_request("0.10", **lengths))[-1])["--max_output_len"] == "28"
    assert options(commands(build_request("1.2", **lengths))[-1])["--max_seq_len"] == "128"


@pytest.mark.parametrize(
    ("release", "kind", "flag", "value"),
    [
        ("0.5.0", "paged", "--paged_kv_cache", ""),
        ("0.5.0", "continuous", "--paged_kv_cache", None),
        ("0.10", "continuous", "--paged_kv_cache", "disable"),
        ("1.2", "paged", "--kv_cache_type", "paged"),
    ],
)
def test_the_kv_cache_is_named_in_each_release_s_way(
    build_request: Any, release: str, kind: str, flag: str, value: str | None
) -> None:
    assert options(commands(build_request(release, kv_cache=kind))[-1]).get(flag) == value


def test_ranks_go_to_who_splits_the_weights(build_request: Any) -> None:
    (old,) = map(options, commands(build_request("0.5.0", tp=2, pp=2)))
    assert (old["--tp_size"], old["--pp_size"], old["--world_size"]) == ("2", "2", "4")
    convert, build = map(options, commands(build_request("1.2", tp=2)))
    assert convert["--tp_size"] == "2"
    assert "--tp_size" not in build


def test_smoothquant_of_0_5_0_builds_from_what_was_calibrated(build_request: Any) -> None:
    asked = build_request("0.5.0", precision="w8a8", tp=2, config={"num_key_value_heads": 2})
    convert, build = map(options, commands(asked))
    assert convert["--smoothquant"] == "0.5"
    assert "--multi-query-mode" in convert
    assert build["--ft_model_dir"] == "/engines/one.checkpoint/2-gpu"
    assert {"--use_smooth_quant", "--per_channel", "--per_token"} <= build.keys()
    assert "--model_dir" not in build


def test_smoothquant_of_1_2_is_part_of_converting(build_request: Any) -> None:
    convert, build = map(options, commands(build_request("1.2", precision="w8a8", alpha=0.85)))
    assert convert["--smoothquant"] == "0.85"
    assert "--per_token" in convert
    assert "--per_token" not in build


def test_release_0_10_names_the_quantised_file_in_its_own_way(
    build_request: Any, gptq: dict[str, Any]
) -> None:
    convert, _ = map(options, commands(build_request("0.10", gptq | {"group_size": 64})))
    assert convert["--modelopt_quant_ckpt_path"].endswith("model-0.safetensors")
    assert convert["--group_size"] == "64"


def test_shards_are_refused_where_one_file_is_read(
    build_request: Any, gptq: dict[str, Any]
) -> None:
    with pytest.raises(ColdforgeError, match="one file, a model has 2"):
        commands(build_request("0.5.0", gptq, shards=2))
    assert commands(build_request("1.2", gptq, shards=2))


def test_what_a_release_dropped_is_refused_with_its_reason(build_request: Any) -> None:
    with pytest.raises(ColdforgeError, match="1\\.2 has no flag for optimisation_level") as caught:
        commands(build_request("1.2", also="optimisation_level=3"))
    assert "removed in 0.14" in caught.value.hint
    assert (
        options(commands(build_request("0.5.0", also="optimisation_level=3"))[0])["--builder_opt"]
        == "3"
    )


def test_a_word_nobody_knows_is_refused_with_those_there_are(build_request: Any) -> None:
    with pytest.raises(ColdforgeError, match="has no flag for speed") as caught:
        commands(build_request("0.5.0", also="speed"))
    assert "tokens_per_block" in caught.value.hint


@pytest.mark.parametrize("release", ["0.5.0", "0.10"])
def test_autoawq_is_refused_where_only_nvidia_s_own_is_read(
    build_request: Any, awq: dict[str, Any], release: str
) -> None:
    with pytest.raises(
        ColdforgeError, match="cannot do weight_only_precision = int4_awq"
    ) as caught:
        commands(build_request(release, awq))
    assert "--to gptq" in caught.value.hint
    assert options(commands(build_request("1.2", awq))[0])["--weight_only_precision"] == "int4_awq"


@pytest.mark.parametrize("release", ["0.5.0", "0.10", "1.2"])
def test_what_no_kernel_or_calibration_can_do_is_refused(
    build_request: Any, gptq: dict[str, Any], release: str
) -> None:
    for quantised, asked in (
        (gptq | {"bits": 8}, {}),
        (gptq | {"group_size": -1}, {}),
        (gptq, {"int8_kv_cache": True}),
        (None, {"config": {"model_type": "gpt2"}}),
    ):
        with pytest.raises(ColdforgeError, match=f"TensorRT-LLM {release}"):
            commands(build_request(release, quantised, **asked))


def test_a_limit_of_tokens_brings_what_it_needs(build_request: Any) -> None:
    build = options(commands(build_request("0.5.0", max_num_tokens=4096))[0])
    assert {"--max_num_tokens", "--enable_context_fmha", "--remove_input_padding"} <= build.keys()


def test_rotary_bases_are_told_to_the_release_that_does_not_read_them(build_request: Any) -> None:
    config = {"rope_theta": 1e6, "rope_scaling": {"type": "linear", "factor": 2.0}}
    build = options(commands(build_request("0.5.0", config=config))[0])
    assert build["--rotary_base"] == "1000000"
    assert build["--rotary_scaling"] == "linear 2"
    assert "--rotary_base" not in " ".join(commands(build_request("1.2", config=config)))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1).filter(lambda word: "\0" not in word), min_size=1))
def test_a_shell_reads_a_command_back_as_it_was(argv: list[str]) -> None:
    assert shlex.split(ReleaseCommand("build", argv).text) == argv


def test_asymmetric_gptq_is_refused_where_its_zero_points_are_dropped(
    build_request: Any, gptq: dict[str, Any]
) -> None:
    with pytest.raises(ColdforgeError, match="cannot do sym = false") as refused:
        commands(build_request("1.2", gptq | {"sym": False}))
    assert "drops the zero points" in refused.value.hint
    for release in ("0.5.0", "0.10"):
        assert commands(build_request(release, gptq | {"sym": False}))


def test_stages_of_gptq_are_refused_where_each_reads_the_first(
    build_request: Any, gptq: dict[str, Any]
) -> None:
    with pytest.raises(ColdforgeError, match="cannot do pp = gptq"):
        commands(build_request("0.10", gptq, pp=2))
    assert commands(build_request("0.10", pp=2))
