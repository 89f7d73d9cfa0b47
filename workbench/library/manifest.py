"""``workbench.json``, the manifest of an exported model: what it was made of, by what, and what it holds.

A file that no manifest names does not exist for a reader. Nothing in it tells of the machine or the user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from exporters.protocol import MANIFEST_SCHEMA, PRECISIONS
from workbench.errors import ModelError
from workbench.files import write_atomically
from workbench.versioned_json import load_document, schema_of, to_figure, to_text

__all__ = ["MANIFEST_NAME", "FileEntry", "Manifest", "VariantEntry", "read_manifest", "write_manifest"]

MANIFEST_NAME = "workbench.json"
# No file is larger: what a manifest says beyond that is not to be reckoned with.
MAX_FILE_BYTES = 1 << 62
MAX_BYTES = 16 << 20
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class FileEntry:
    """One file: its name relative to the folder with forward slashes, its size and its hash in hexadecimal."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class VariantEntry:
    """One precision: how it was made, its files (graphs and their external data), and what verification measured."""

    precision: str
    recipe: Mapping[str, Any]
    files: tuple[FileEntry, ...]
    verification: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.files)


@dataclass(frozen=True)
class Manifest:
    """``source_files`` are those of the checkpoint, ``files`` those of the artifact beside its variants."""

    repo_id: str
    commit: str
    task: str
    licence: str | None
    source_files: tuple[FileEntry, ...]
    files: tuple[FileEntry, ...]
    variants: tuple[VariantEntry, ...]
    toolchain: Mapping[str, str] = field(default_factory=dict)
    schema: int = MANIFEST_SCHEMA

    @property
    def file_names(self) -> frozenset[str]:
        """Every file that the artifact has, without the manifest itself."""
        entries = (*self.files, *(item for variant in self.variants for item in variant.files))
        return frozenset(item.name for item in entries)

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.files) + sum(variant.bytes for variant in self.variants)

    def variant(self, precision: str) -> VariantEntry | None:
        return next((item for item in self.variants if item.precision == precision), None)

    def to_json(self) -> dict[str, Any]:
        value = asdict(self)
        return {"schema": value.pop("schema"), **value}


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact. Raises ModelError when it is missing, broken, or of a newer workbench."""
    path = folder / MANIFEST_NAME
    try:
        document = load_document(path, MAX_BYTES)
        schema = schema_of(document)
    except FileNotFoundError:
        raise ModelError("model-file-missing", file=path) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError("manifest-broken", file=path, reason=error) from error
    if schema > MANIFEST_SCHEMA:
        raise ModelError("manifest-newer", file=path, schema=schema, known=MANIFEST_SCHEMA)
    try:
        return _manifest(document)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError("manifest-broken", file=path, reason=f"{type(error).__name__}: {error}") from error


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step: written, synced, renamed, the folder synced. Raises OSError."""
    text = json.dumps(manifest.to_json(), ensure_ascii=False, indent=2)
    write_atomically(folder / MANIFEST_NAME, text + "\n")


def _manifest(value: Mapping[str, Any]) -> Manifest:
    variants = tuple(
        VariantEntry(
            precision=_known_precision(item["precision"]),
            recipe=dict(item["recipe"]),
            files=_entries(item["files"]),
            verification=_measured(item["verification"]),
        )
        for item in value["variants"]
    )
    licence = value["licence"]
    return Manifest(
        repo_id=_text(value["repo_id"]),
        commit=_text(value["commit"]),
        task=_text(value["task"]),
        licence=None if licence is None else _text(licence),
        source_files=_entries(value["source_files"]),
        files=_entries(value["files"]),
        variants=variants,
        toolchain={_text(name): _text(version) for name, version in dict(value["toolchain"]).items()},
        schema=value["schema"],
    )


def _entries(values: Any) -> tuple[FileEntry, ...]:
    return tuple(FileEntry(_safe_name(item["name"]), _size(item["bytes"]), _hash(item["sha256"])) for item in values)


def _text(value: Any) -> str:
    if not value:
        raise ValueError("an empty text")
    return to_text(value)


def _known_precision(value: Any) -> str:
    if value not in PRECISIONS:
        raise ValueError(f"{value!r} is not a known precision")
    return str(value)


def _measured(value: Any) -> dict[str, Any]:
    """What verification found, with the figures that readers rely on; other entries are kept as they are."""
    measured: dict[str, Any] = dict(value)
    outputs, agreement = measured.get("outputs", {}), measured.get("agreement", {})
    if not isinstance(outputs, dict) or not isinstance(agreement, dict):
        raise TypeError("what was measured is not told by name")
    for output in outputs.values():
        to_figure(output["max_abs_diff"])
    if agreement:
        _text(agreement["metric"])
        to_figure(agreement["mean"])
        to_figure(agreement["worst"])
        for name, value in dict(agreement.get("extra", {})).items():
            _text(name)
            to_figure(value)
    return measured


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_FILE_BYTES:
        raise ValueError(f"{value!r} is not a size")
    return value


def _hash(value: Any) -> str:
    if not isinstance(value, str) or not SHA256.fullmatch(value):
        raise ValueError(f"{value!r} is not a SHA-256")
    return value


def _safe_name(value: Any) -> str:
    """A manifest may come from someone else: a name must stay inside the folder on every system."""
    path = PurePosixPath(_text(value))
    if not path.parts or path.is_absolute() or ".." in path.parts or any(sign in value for sign in "\\:\0"):
        raise ValueError(f"{value!r} leads out of the folder")
    return str(value)
