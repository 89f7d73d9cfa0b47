"""What an export needs is said before it starts, and refused when the disk cannot hold it."""

from __future__ import annotations

import dataclasses
import json
import os
import struct
from pathlib import Path
from typing import Any

import pytest

from tests.exporting.conftest import make_snapshot, safetensors, spec_of
from workbench.errors import ExportError, UsageError
from workbench.exporting.estimate import QUANTIZER_BYTES, TORCH_BYTES, check_disk, estimate_export
from workbench.exporting.spec import check_precisions, resolve_precisions


@pytest.mark.parametrize(("dtype", "size"), [("F32", 4), ("BF16", 2), ("I8", 1)])
def test_parameters_are_counted_whatever_type_they_have(tmp_path: Path, dtype: str, size: int) -> None:
    files: dict[str, bytes | str] = {"config.json": "{}", "model.safetensors": safetensors(1000, dtype, size)}
    estimate = estimate_export(spec_of(make_snapshot(tmp_path, files), "fp32", "fp16"), tmp_path)
    assert estimate.parameter_count == 1000
    assert estimate.published_bytes == 4000 + 2000
    assert estimate.disk_bytes >= estimate.published_bytes


def test_parts_of_a_checkpoint_are_added_up(tmp_path: Path) -> None:
    parts = {f"model-0000{n}-of-00002.safetensors": safetensors(500) for n in (1, 2)}
    source = make_snapshot(tmp_path, {"config.json": "{}", **parts})
    assert estimate_export(spec_of(source), tmp_path).parameter_count == 1000


def test_fp32_needs_room_though_it_is_not_asked_for(snapshot: Path, tmp_path: Path) -> None:
    alone = estimate_export(spec_of(snapshot, "int8"), tmp_path)
    both = estimate_export(spec_of(snapshot, "fp32", "int8"), tmp_path)
    assert alone.published_bytes < both.published_bytes
    assert alone.disk_bytes == both.disk_bytes


def test_a_disk_that_is_too_small_is_refused(snapshot: Path, tmp_path: Path) -> None:
    estimate = dataclasses.replace(estimate_export(spec_of(snapshot), tmp_path), disk_bytes=5_000_001)
    check_disk(estimate, tmp_path, lambda folder: 5_000_001)
    with pytest.raises(ExportError) as caught:
        check_disk(estimate, tmp_path, lambda folder: 5_000_000)
    assert caught.value.code == "export-disk-too-small"
    assert caught.value.arguments["needed_mb"] == 6
    assert caught.value.arguments["free_mb"] == 5


@pytest.mark.parametrize("content", [b"", b"short", safetensors(1000)[:-1], b"\xff" * 64, b"\x02" + bytes(7) + b"[]"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    source = make_snapshot(tmp_path, {"config.json": "{}", "model.safetensors": content})
    with pytest.raises(ExportError) as caught:
        estimate_export(spec_of(source), tmp_path)
    assert caught.value.code == "export-source-unreadable"
    assert "model.safetensors" in str(caught.value)


GENERATION = {"task": "text-generation", "export_task": "text-generation-with-past"}
SPEECH = {"task": "automatic-speech-recognition", "export_task": "automatic-speech-recognition-with-past"}
LLAMA = {"architectures": ("LlamaForCausalLM",)}


SEEING = {"task": "image-classification", "export_task": "image-classification"}
SMOL = {"vocab_size": 49152, "hidden_size": 576}
WIDE = {"vocab_size": 49152, "hidden_size": 960}
VAST = {"vocab_size": 151936, "hidden_size": 256}
GPT2 = {"vocab_size": 49152, "n_embd": 768}


# Parameters of MiniLM, Whisper tiny.en, SmolLM2-135M and seeded models, and the most memory that a worker of their
# export was seen to have, in MB.
@pytest.mark.parametrize(
    ("parameters", "precisions", "named", "config", "seen_mb"),
    [
        (22_713_216, ("fp32", "fp16", "int8", "int8-static"), {}, {}, 589),
        (109_482_240, ("fp32", "fp16", "int8", "int8-static"), {}, {}, 957),
        (25_557_032, ("fp32",), SEEING, {}, 666),
        (25_557_032, ("fp32", "int8-static"), SEEING, {}, 667),
        (86_567_656, ("fp32", "int8-static"), SEEING, {}, 1010),
        (37_760_640, ("fp32", "fp16", "int8"), SPEECH, {}, 892),
        (72_593_408, ("fp32", "fp16", "int8"), SPEECH, {}, 1093),
        (134_515_008, ("fp32", "fp16", "int8"), GENERATION | LLAMA, SMOL, 1106),
        (134_515_008, ("fp32", "q4", "q4f16"), GENERATION | LLAMA, SMOL, 1179),
        (361_821_120, ("fp32", "int8"), GENERATION | LLAMA, WIDE, 2173),
        (361_821_120, ("q4f16",), GENERATION | LLAMA, WIDE, 2198),
        (42_043_648, ("fp32",), GENERATION | LLAMA, VAST, 778),
        (42_043_648, ("fp32", "q4"), GENERATION | LLAMA, VAST, 1155),
        (42_043_648, ("q4f16",), GENERATION | LLAMA, {"text_config": VAST}, 1155),
        (41_529_856, ("fp32",), GENERATION, VAST, 783),
        (41_529_856, ("fp32", "q4"), GENERATION, VAST, 1155),
        (123_591_168, ("fp32", "int8"), GENERATION, GPT2, 1090),
        (123_591_168, ("q4",), GENERATION, GPT2, 1455),
    ],
)
def test_memory_is_said_as_it_was_seen(
    tmp_path: Path,
    parameters: int,
    precisions: tuple[str, ...],
    named: dict[str, Any],
    config: dict[str, Any],
    seen_mb: int,
) -> None:
    source = make_snapshot(tmp_path, {"config.json": json.dumps(config), "model.safetensors": safetensors(0)})
    sparse_safetensors((source / "model.safetensors").resolve(), parameters)
    said = estimate_export(spec_of(source, *precisions, **named), tmp_path).memory_bytes / 1e6
    assert seen_mb <= said <= 1.15 * seen_mb


def sparse_safetensors(path: Path, parameters: int) -> None:
    """A header and no bytes behind it, but in the file's size."""
    size = 4 * parameters
    text = json.dumps({"w": {"dtype": "F32", "shape": [parameters], "data_offsets": [0, size]}}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    os.truncate(path, 8 + len(text) + size)


@pytest.mark.parametrize(("precisions", "copies"), [(("int8",), 1.2), (("fp16",), 0.6), (("fp16", "int8"), 1.2)])
def test_of_published_graphs_the_hungriest_precision_counts(
    snapshot: Path, tmp_path: Path, precisions: tuple[str, ...], copies: float
) -> None:
    said = estimate_export(spec_of(snapshot, *precisions), tmp_path, reuse_fp32=True).memory_bytes
    assert said == QUANTIZER_BYTES + int(copies * 4000)


def test_further_4_bits_of_a_published_graph_need_torch_too(snapshot: Path, tmp_path: Path) -> None:
    said = estimate_export(spec_of(snapshot, "q4", **GENERATION), tmp_path, reuse_fp32=True).memory_bytes
    assert said == TORCH_BYTES + int(1.35 * 4000)


def test_what_is_smoothed_lies_on_the_disk_twice(snapshot: Path, tmp_path: Path) -> None:
    smoothed = estimate_export(spec_of(snapshot, "int8"), tmp_path, reuse_fp32=True)
    in_blocks = estimate_export(spec_of(snapshot, "int8", **GENERATION), tmp_path, reuse_fp32=True)
    assert smoothed.disk_bytes - in_blocks.disk_bytes == 4 * smoothed.parameter_count
    assert smoothed.published_bytes == in_blocks.published_bytes


@pytest.mark.parametrize("config", ["{", "[1]", '{"vocab_size": "many"}', '{"vocab_size": 9, "text_config": 3}'])
def test_a_config_that_does_not_tell_adds_nothing_much(tmp_path: Path, config: str) -> None:
    source = make_snapshot(tmp_path, {"config.json": config, "model.safetensors": safetensors(1000)})
    said = estimate_export(spec_of(source, "q4", **GENERATION | LLAMA), tmp_path).memory_bytes
    assert 0 <= said - TORCH_BYTES <= 30_000


def test_four_bits_are_refused_for_what_is_no_language_model() -> None:
    check_precisions(resolve_precisions(("int4", "fp32")), "text-generation")
    with pytest.raises(UsageError, match="q4 is not made for image-classification; choose of fp32, fp16, int8"):
        check_precisions(("fp32", "q4"), "image-classification")
