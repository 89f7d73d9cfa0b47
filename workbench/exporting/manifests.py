"""From what an export made to the manifest that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporters.protocol import PRECISIONS, ExportAnswer
from workbench.exporting.spec import ExportSpec
from workbench.exporting.staging import StagedSource
from workbench.library.manifest import MANIFEST_NAME, FileEntry, Manifest, VariantEntry

__all__ = ["artifact_files", "new_manifest", "with_variants"]


def new_manifest(
    spec: ExportSpec,
    source: StagedSource,
    answer: ExportAnswer,
    verified: Mapping[str, Mapping[str, Any]],
    output: Path,
) -> Manifest:
    """The manifest of a folder that was exported whole."""
    variants = _variants(answer, verified, output)
    of_variants = {name for names in answer.files.values() for name in names}
    beside = [name for name in _all_files(output) if name not in of_variants]
    return Manifest(
        repo_id=spec.repo_id,
        commit=spec.commit,
        task=spec.task,
        licence=spec.licence,
        source_files=_entries(spec.source, source.files),
        files=_entries(output, beside),
        variants=variants,
        toolchain=dict(answer.versions),
    )


def with_variants(
    published: Manifest, answer: ExportAnswer, verified: Mapping[str, Mapping[str, Any]], output: Path
) -> Manifest:
    """The manifest of a published artifact with further variants, in the order of the table of precisions."""
    order = list(PRECISIONS)
    variants = sorted(
        (*published.variants, *_variants(answer, verified, output)), key=lambda variant: order.index(variant.precision)
    )
    return replace(published, variants=tuple(variants))


def artifact_files(published: Manifest, precision: str) -> Iterator[str]:
    """Names of the files beside the graphs, and of one variant."""
    yield from (entry.name for entry in published.files)
    for variant in published.variants:
        if variant.precision == precision:
            yield from (entry.name for entry in variant.files)


def _variants(
    answer: ExportAnswer, verified: Mapping[str, Mapping[str, Any]], output: Path
) -> tuple[VariantEntry, ...]:
    return tuple(
        VariantEntry(
            precision=name,
            recipe=answer.recipes[name],
            files=_entries(output, answer.files[name]),
            verification=verified[name],
        )
        for name in PRECISIONS
        if name in answer.files
    )


def _entries(folder: Path, names: Iterable[str]) -> tuple[FileEntry, ...]:
    return tuple(FileEntry(name, (folder / name).stat().st_size, _sha256(folder / name)) for name in names)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _all_files(folder: Path) -> list[str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name != MANIFEST_NAME]
