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

__all__ = ["ExportEstimate", "check_disk", "estimate_export", "parameter_count"]

# Bytes a parameter takes in each precision; int8 and q4 with their scales, and what of a model stays in fp32.
BYTES_PER_PARAMETER = {"fp32": 4.0, "fp16": 2.0, "int8": 1.3, "int8-static": 1.3, "q4": 0.95, "q4f16": 0.95}
# The worker that has torch: its libraries, and how often it holds the fp32 weights at its worst, which is when a graph
# is traced. Seen: MiniLM 0.64 GB; Whisper tiny 0.95 GB, of which its answers to the samples leave 0.1.
TORCH_BYTES = 560_000_000
TRACED_COPIES = 1.1
DECODER_COPIES = 2.8
# A language model whose graph is built is at its worst when it is loaded, out of half as many bytes: SmolLM2-135M 1.24
# GB.
BUILT_COPIES = 1.5
# The worker behind it, which reads the graphs: its libraries, and copies of the fp32 weights by precision. What is
# quantized on samples needs torch to prepare these. Seen: MiniLM 0.37 GB, with static int8 0.79 GB; SmolLM2-135M 0.94
# GB.
QUANTIZER_BYTES = 110_000_000
STATIC_BYTES = 480_000_000
QUANTIZER_COPIES = {"fp16": 1.6, "int8": 3.0, "int8-static": 3.5, "q4": 1.6, "q4f16": 1.6}
BLOCK_COPIES = 1.6
# What rounds to 4 bits has torch and its model besides, and the head once more while it is measured. Seen, of
# SmolLM2-135M, 1.44 GB; of seeded models, 247 million parameters 1.91 GB, and 41 million, of which a vocabulary of
# 151,936 has 39, 1.15 GB.
ROUNDED = ("q4", "q4f16")
ROUNDING_COPIES = 1.3
# How many scores of each word of a language model there are at a time: those of up to 128 tokens, their logarithms,
# and what they are compared with. Seen with 151,936 words, in fp32: 0.96 GB built and 0.99 GB traced, of which weights
# and libraries are 0.8 and 0.74.
SCORES = 420
# What configs call the width of a head.
WIDTHS = ("hidden_size", "n_embd", "d_model")
# What Optimum has on disk at its worst, in copies of the fp32 weights: two whole decoders on the way to a merged one,
# and a graph over the limit of protobuf once more while its weights are gathered in one file. Measured: MiniLM 1.0,
# SmolLM2-135M 1.0, Whisper tiny 2.9.
EXPORT_COPIES = {"automatic-speech-recognition": 3, "text2text-generation": 3, "image-to-text": 3}
ONE_FILE_BYTES = 1_900_000_000
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
    if reuse_fp32:
        return ExportEstimate(count, published, published + BESIDE_BYTES, _quantizer_bytes(spec, fp32))
    task = spec.export_task.removesuffix("-with-past")
    copies = EXPORT_COPIES.get(task, 1) + (fp32 > ONE_FILE_BYTES)
    beside = BESIDE_BYTES + (LOGITS_BYTES if task in EXPORT_COPIES or task == "text-generation" else 0)
    # fp32 is made in every case, and lies there until the last other precision is made.
    made = published if "fp32" in spec.precisions else published + fp32
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


def _torch_bytes(spec: ExportSpec, fp32: int) -> int:
    scores = _head_of(spec)[1] if spec.task == "text-generation" else 0
    if _is_built(spec):
        return TORCH_BYTES + int(BUILT_COPIES * fp32) + scores
    has_decoder = spec.export_task.removesuffix("-with-past") in EXPORT_COPIES
    return TORCH_BYTES + int((DECODER_COPIES if has_decoder else TRACED_COPIES) * fp32) + scores


def _quantizer_bytes(spec: ExportSpec, fp32: int) -> int:
    """The most that any of the precisions takes: they are made one after the other."""
    in_blocks = spec.task == "text-generation"
    most = QUANTIZER_BYTES
    for name in spec.precisions:
        copies = BLOCK_COPIES if in_blocks and name == "int8" else QUANTIZER_COPIES.get(name, 0.0)
        base = STATIC_BYTES if name == "int8-static" else QUANTIZER_BYTES
        most = max(most, base + int(copies * fp32))
        if name in ROUNDED:
            most = max(most, TORCH_BYTES + int(ROUNDING_COPIES * fp32) + sum(_head_of(spec)))
    return most


def _head_of(spec: ExportSpec) -> tuple[int, int]:
    """Bytes of a language model's output head, and of the scores that it gives; 0 where the config does not tell."""
    try:
        config = json.loads((spec.source / "config.json").read_text("utf-8"))
    except (OSError, ValueError):  # the worker says what is wrong with it
        return 0, 0
    config = config if isinstance(config, dict) else {}
    inner = config.get("text_config")
    config = inner if isinstance(inner, dict) else config
    words, *widths = (config.get(name) for name in ("vocab_size", *WIDTHS))
    width = next((item for item in widths if isinstance(item, int)), 0)
    return (4 * words * width, 4 * words * SCORES) if isinstance(words, int) else (0, 0)


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
