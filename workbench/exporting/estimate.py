"""What an export will need, said before it starts: disk by precision, memory of the worker."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from exporters.protocol import BUILT_ARCHITECTURES
from workbench.errors import ExportError
from workbench.exporting.spec import ExportSpec
from workbench.exporting.staging import weight_files
from workbench.library.weights import read_header
from workbench.tasks.catalog_vision import VISION_TASKS

__all__ = ["ExportEstimate", "check_disk", "estimate_export", "parameter_count"]

# Bytes a parameter takes in each precision; int8 and q4 with their scales, and what of a model stays in fp32.
BYTES_PER_PARAMETER = {"fp32": 4.0, "fp16": 2.0, "int8": 1.3, "int8-static": 1.3, "q4": 0.95, "q4f16": 0.95}
# The worker that has torch: its libraries, and how often it holds the fp32 weights; what a model that generates holds
# besides while it answers and is traced. `python -m tests.bench.export_memory` measures it.
TORCH_BYTES = 556_000_000
TORCH_COPIES = 1.12
DECODER_BYTES = 250_000_000
# The worker behind it, which reads the graphs: its libraries, and copies of the fp32 weights by precision. What is
# quantized on samples needs torch to prepare these; onnxruntime quantizes networks of convolutions as a whole.
QUANTIZER_BYTES = 110_000_000
STATIC_BYTES = 480_000_000
QUANTIZER_COPIES = {"fp16": 0.6, "int8": 1.2, "int8-static": 1.0}
NETWORK_COPIES = 1.7
SEEING = frozenset(item.id for item in VISION_TASKS)
# What rounds to 4 bits has torch and its model besides, and the head once more while it is measured; of what Optimum
# traces some (GPT-2) has its weights turned.
ROUNDED = ("q4", "q4f16")
ROUNDING_COPIES, ROUNDING_COPIES_TRACED = 1.0, 1.35
# How many scores of each word of a language model there are at a time: of a sample's tokens while it is answered; and
# while parts are measured those of up to 128 tokens, their logarithms, and what they are compared with.
SCORES, SCORES_MEASURED = 130, 520
# What configs call the width of a head.
WIDTHS = ("hidden_size", "n_embd", "d_model")
# What is on disk at its worst while graphs are traced, in copies of the fp32 weights: a graph and what is made of it,
# or two whole decoders and the merged one.
EXPORT_COPIES = {"automatic-speech-recognition": 3, "text2text-generation": 3, "image-to-text": 3}
TRACED_COPIES = 2
# What lies beside a graph on disk while a precision is made: new weights until they are saved, and for int8 those that
# were smoothed before. Bytes a parameter.
ASIDE_PER_PARAMETER = {"fp16": 2.0, "int8": 5.3, "int8-static": 8.0, "q4": 1.0, "q4f16": 1.5}
# Tokenizer, card and other files beside the graphs; and the recorded logits of a model that generates.
BESIDE_BYTES = 40_000_000
LOGITS_BYTES = 64 << 20


@dataclass(frozen=True)
class ExportEstimate:
    """``published_bytes`` stay, ``disk_bytes`` are needed at the worst moment, ``memory_bytes`` by the worker."""

    parameter_count: int
    published_bytes: int
    disk_bytes: int
    memory_bytes: int


def parameter_count(source: Path, *, allow_pickle: bool) -> int:
    """Parameters of the checkpoint: exactly from safetensors headers, for a pickle guessed from its size as fp32.

    Raises ExportError for a checkpoint without weights or with a header that cannot be read.
    """
    count = 0
    for path in weight_files(source, allow_pickle=allow_pickle):
        if path.suffix == ".safetensors":
            count += _safetensors_elements(path)
        else:
            count += path.stat().st_size // 4
    return count


def estimate_export(spec: ExportSpec, artifacts_dir: Path, *, reuse_fp32: bool = False) -> ExportEstimate:
    """What this export will need, staged and published below ``artifacts_dir``.

    With ``reuse_fp32`` the fp32 graphs are published already and neither made again nor copied. Raises ExportError
    where the source cannot be exported at all.
    """
    count = parameter_count(spec.source, allow_pickle=spec.allow_pickle)
    fp32 = 4 * count
    published = sum(int(BYTES_PER_PARAMETER[name] * count) for name in spec.precisions)
    aside = max((int(_aside_per_parameter(spec, name) * count) for name in spec.precisions), default=0)
    if reuse_fp32:
        return ExportEstimate(count, published, published + aside + BESIDE_BYTES, _quantizer_bytes(spec, fp32))
    task = spec.export_task.removesuffix("-with-past")
    copies = 1 if _is_built(spec) else EXPORT_COPIES.get(task, TRACED_COPIES)
    beside = BESIDE_BYTES + (LOGITS_BYTES if task in EXPORT_COPIES or task == "text-generation" else 0)
    # fp32 is made in every case, and lies there until the last other precision is made.
    made = aside + (published if "fp32" in spec.precisions else published + fp32)
    staged = 0
    if artifacts_dir.stat().st_dev != spec.source.stat().st_dev:  # no hard links from one file system to another
        weights = weight_files(spec.source, allow_pickle=spec.allow_pickle)
        staged = sum(path.stat().st_size for path in weights)
    return ExportEstimate(
        parameter_count=count,
        published_bytes=published,
        disk_bytes=staged + max(copies * fp32, made) + beside,
        memory_bytes=max(_torch_bytes(spec, fp32), _quantizer_bytes(spec, fp32)),
    )


def _aside_per_parameter(spec: ExportSpec, precision: str) -> float:
    if spec.task == "text-generation" and precision == "int8":  # in blocks, and nothing is smoothed
        return BYTES_PER_PARAMETER["int8"]
    return ASIDE_PER_PARAMETER.get(precision, 0.0)


def _torch_bytes(spec: ExportSpec, fp32: int) -> int:
    scores = 4 * SCORES * _head_of(spec)[0] if spec.task == "text-generation" else 0
    decoder = DECODER_BYTES if spec.export_task.removesuffix("-with-past") in EXPORT_COPIES else 0
    return TORCH_BYTES + int(TORCH_COPIES * fp32) + scores + decoder


def _quantizer_bytes(spec: ExportSpec, fp32: int) -> int:
    """The most that any of the precisions takes: they are made one after the other."""
    most = QUANTIZER_BYTES
    for name in spec.precisions:
        copies, base = QUANTIZER_COPIES.get(name, 0.0), QUANTIZER_BYTES
        if name == "int8-static":
            base = STATIC_BYTES
            copies = NETWORK_COPIES if spec.task in SEEING else copies
        if name in ROUNDED:
            words, width = _head_of(spec)
            copies = ROUNDING_COPIES if _is_built(spec) else ROUNDING_COPIES_TRACED
            base = TORCH_BYTES + 4 * words * (width + SCORES_MEASURED)
        most = max(most, base + int(copies * fp32))
    return most


def _head_of(spec: ExportSpec) -> tuple[int, int]:
    """How many words a language model knows, and how wide its head is; 0 where the config does not tell."""
    try:
        config = json.loads((spec.source / "config.json").read_text("utf-8"))
    except (OSError, ValueError):  # the worker says what is wrong with it
        return 0, 0
    config = config if isinstance(config, dict) else {}
    inner = config.get("text_config")
    config = inner if isinstance(inner, dict) else config
    words, *widths = (config.get(name) for name in ("vocab_size", *WIDTHS))
    width = next((item for item in widths if isinstance(item, int)), 0)
    return (words, width) if isinstance(words, int) else (0, 0)


def _is_built(spec: ExportSpec) -> bool:
    return spec.task == "text-generation" and any(name in BUILT_ARCHITECTURES for name in spec.architectures)


def free_bytes(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def check_disk(estimate: ExportEstimate, folder: Path, free: Callable[[Path], int] = free_bytes) -> None:
    """Raise ExportError when the disk that holds ``folder`` cannot take the export."""
    available = free(folder)
    if estimate.disk_bytes > available:
        raise ExportError(
            "export-disk-too-small",
            needed_mb=-(-estimate.disk_bytes // 1_000_000),
            free_mb=available // 1_000_000,
            folder=folder,
        )


def _safetensors_elements(path: Path) -> int:
    try:
        header = read_header(str(path))
        if path.stat().st_size < header.file_bytes:
            raise ValueError("it is cut off")
    except (OSError, ValueError) as error:
        raise ExportError("export-source-unreadable", file=path, reason=error) from error
    return header.parameter_count
