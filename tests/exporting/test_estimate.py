"""What an export needs is said before it starts, and refused when the disk cannot hold it."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from tests.exporting.conftest import make_snapshot, safetensors, spec_of
from workbench.errors import ExportError, UsageError
from workbench.exporting.estimate import check_disk, estimate_export
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


def test_a_graph_that_is_built_takes_less_memory_than_one_that_is_traced(snapshot: Path, tmp_path: Path) -> None:
    named = {"task": "text-generation", "export_task": "text-generation-with-past"}
    built = estimate_export(spec_of(snapshot, architectures=("LlamaForCausalLM",), **named), tmp_path)
    traced = estimate_export(spec_of(snapshot, architectures=("GPT2LMHeadModel",), **named), tmp_path)
    assert traced.memory_bytes - built.memory_bytes == 4 * 4000


def test_four_bits_are_refused_for_what_is_no_language_model() -> None:
    check_precisions(resolve_precisions(("int4", "fp32")), "text-generation")
    with pytest.raises(UsageError, match="q4 is not made for image-classification; choose of fp32, fp16, int8"):
        check_precisions(("fp32", "q4"), "image-classification")


def test_half_precision_takes_the_memory_of_a_graph_that_is_traced(snapshot: Path, tmp_path: Path) -> None:
    named = {"task": "text-generation", "export_task": "text-generation-with-past"}
    specs = [spec_of(snapshot, *names, architectures=("LlamaForCausalLM",), **named) for names in (("q4",), ("fp16",))]
    least, most = (estimate_export(spec, tmp_path).memory_bytes for spec in specs)
    assert most - least == 4 * 4000
