"""The staged copy of a checkpoint that the export worker sees: real files, no code, nothing that names any.

One of the versions that the exporter is bound to runs code out of a model's folder even when told not to trust it
(CVE-2026-5241), so nothing that is code, or that points to some, ever reaches it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from workbench.errors import ExportError
from workbench.library.weights import (
    exportable_pickles,
    exportable_safetensors,
    missing_shards,
    weight_set,
)

__all__ = ["StagedSource", "allowed_roots", "link_or_copy", "real_file", "sanitise", "stage_source", "weight_files"]

# Only what is listed is staged; a list of what to leave out would miss the next kind of code.
TEXT_SUFFIXES = frozenset({".json", ".txt", ".jinja", ".md", ".model", ".spm", ".codes", ".bpe", ".tiktoken"})
LEGAL_NAMES = ("license", "licence", "notice", "copying", "use_policy", "authors")
# Folders of a repository that hold other formats of the same weights.
OTHER_FORMATS = frozenset({"onnx", "openvino", "coreml", "original", "tflite", "runs"})
# Keys of a config that name code or a place.
UNSAFE_KEYS = frozenset({"auto_map", "trust_remote_code", "_name_or_path", "custom_generate", "custom_pipelines"})
UNSAFE_PREFIX = "_attn_implementation"
MAX_CONFIG_BYTES = 64 << 20
COPY_BYTES = 16 << 20


@dataclass(frozen=True)
class StagedSource:
    """What was staged: names relative to the folder. ``named_code`` says that the source asked for code of its own."""

    folder: Path
    files: tuple[str, ...]
    weight_bytes: int
    named_code: bool


def allowed_roots(source: Path) -> tuple[Path, ...]:
    """Where links of a snapshot may lead: its repository's blobs and snapshots, the cache's shared blobs, itself."""
    roots = [source]
    if source.parent.name == "snapshots":
        repo = source.parent.parent
        roots += [repo / "blobs", repo / "snapshots", repo.parent / "blobs"]
    return tuple(root.resolve() for root in roots)


def sanitise(value: Any) -> Any:
    """A JSON value without the keys that name code, at every level."""
    if isinstance(value, dict):
        return {key: sanitise(item) for key, item in value.items() if not _is_unsafe(key)}
    if isinstance(value, list):
        return [sanitise(item) for item in value]
    return value


def weight_files(source: Path, *, allow_pickle: bool) -> list[Path]:
    """The files of a snapshot that hold the weights, each looked at by :func:`real_file`.

    Raises ExportError when there are none that may be read, or when a part of them is missing.
    """
    try:
        names = sorted(path.name for path in source.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ExportError("export-source-unreadable", file=source, reason=error.strerror or error) from error
    loadable = set(exportable_safetensors(names))
    chosen = [name for name in weight_set(names) if name in loadable]
    pickles = exportable_pickles(names)
    if not chosen and pickles:
        if not allow_pickle:
            raise ExportError("export-pickle-only", folder=source, files=", ".join(pickles))
        chosen = ["pytorch_model.bin"] if "pytorch_model.bin" in pickles else pickles
    missing = _missing_parts(source, names, chosen)
    if missing:
        total = len(missing) + sum(name.endswith(PurePosixPath(missing[0]).suffix) for name in chosen)
        raise ExportError("shards-missing", file=source / missing[0], count=len(missing), total=total)
    if not chosen:
        raise ExportError("export-no-weights", folder=source)
    roots = allowed_roots(source)
    for name in chosen:
        real_file(source / name, roots)
    return [source / name for name in chosen]


def _missing_parts(source: Path, names: list[str], chosen: list[str]) -> list[str]:
    """Parts that the names of others promise, and those that an index names while the folder has none of them."""
    index = "model.safetensors.index.json"
    if chosen or index not in names:
        return missing_shards(chosen)
    path = source / index
    try:
        parts = set(json.loads(path.read_text("utf-8"))["weight_map"].values())
        return sorted(str(name) for name in parts - set(names))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ExportError("export-source-unreadable", file=path, reason=error) from error


def stage_source(
    source: Path, target: Path, *, allow_pickle: bool, check: Callable[[], None] = lambda: None
) -> StagedSource:
    """Make the staged copy of ``source`` in ``target``, which must not exist yet.

    Weights are hard links where the file system allows it, everything else is a copy. ``check`` is called often and
    may raise. Raises ExportError for a source
    that lacks what an export needs, a link that leads nowhere or out of the cache, and a JSON file that cannot be read.
    """
    if not (source / "config.json").exists():
        if (source / "config.json").is_symlink():
            raise ExportError("export-link-dangling", file=source / "config.json")
        raise ExportError("export-no-config", folder=source)
    roots = allowed_roots(source)
    weights = weight_files(source, allow_pickle=allow_pickle)
    keep_pickles = any(path.suffix == ".bin" for path in weights)
    target.mkdir(parents=True)
    staged, weight_bytes, named_code = [], 0, False
    for path in _files(source):
        check()
        name = path.relative_to(source)
        if not _wanted(path, weights):
            named_code |= path.suffix == ".py"
            continue
        if path.name.endswith(".index.json") and keep_pickles != path.name.startswith("pytorch_model"):
            continue
        real = real_file(path, roots)
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".json" and path.name.endswith("config.json"):
            named_code |= _write_sanitised(real, destination, path)
        elif path.suffix in (".safetensors", ".bin"):
            weight_bytes += real.stat().st_size
            link_or_copy(real, destination, check)
        else:
            shutil.copyfile(real, destination)
        staged.append(name.as_posix())
    return StagedSource(target, tuple(staged), weight_bytes, named_code)


def _files(source: Path) -> Iterator[Path]:
    for entry in sorted(source.iterdir()):
        if entry.name.startswith("."):
            continue
        # A folder is entered only when it is one: a link to a folder could lead anywhere.
        if entry.is_dir() and not entry.is_symlink():
            if entry.name.lower() not in OTHER_FORMATS:
                yield from _files(entry)
        else:
            yield entry


def _wanted(path: Path, weights: list[Path]) -> bool:
    if path in weights:
        return True
    if path.suffix == ".safetensors":
        # Modules of sentence-transformers keep theirs in a folder of their own; others at the top are not loaded.
        return path.parent != weights[0].parent
    return path.suffix.lower() in TEXT_SUFFIXES or (path.stem.lower().startswith(LEGAL_NAMES) and path.suffix != ".py")


def real_file(path: Path, roots: tuple[Path, ...]) -> Path:
    """The file behind a link of a snapshot. Raises ExportError for one that leads nowhere or out of ``roots``."""
    try:
        real = path.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise ExportError("export-link-dangling", file=path) from error
    if not any(real.is_relative_to(root) for root in roots):
        raise ExportError("export-link-outside", file=path, target=real)
    if not real.is_file():
        raise ExportError("export-source-unreadable", file=path, reason="not a regular file")
    return real


def _write_sanitised(real: Path, destination: Path, shown: Path) -> bool:
    """Write the JSON file without unsafe keys; returns whether it named code."""
    try:
        if real.stat().st_size > MAX_CONFIG_BYTES:
            raise ValueError(f"larger than {MAX_CONFIG_BYTES >> 20} MiB")
        value = json.loads(real.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ExportError("export-source-unreadable", file=shown, reason=error) from error
    destination.write_text(json.dumps(sanitise(value), ensure_ascii=False, indent=2) + "\n", "utf-8")
    return isinstance(value, dict) and "auto_map" in value


def link_or_copy(real: Path, destination: Path, check: Callable[[], None] = lambda: None) -> None:
    """A hard link where the file system allows it, else a copy; makes the folder it goes to. ``check`` may raise."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(real, destination)
    except OSError:  # another file system, or one without hard links
        with real.open("rb") as source, destination.open("xb") as target:
            while part := source.read(COPY_BYTES):
                check()
                target.write(part)


def _is_unsafe(key: str) -> bool:
    return key in UNSAFE_KEYS or key.startswith(UNSAFE_PREFIX)
