"""From what an export made to the manifest that says so."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from exporters.protocol import PRECISIONS, ExportAnswer
from workbench.exporting.spec import ExportSpec
from workbench.exporting.staging import StagedSource
from workbench.library.manifest import MANIFEST_NAME, FileEntry, Manifest, VariantEntry

__all__ = ["artifact_files", "new_manifest", "with_variants"]

READ_BYTES = 16 << 20


def new_manifest(
    spec: ExportSpec,
    source: StagedSource,
    answer: ExportAnswer,
    verified: Mapping[str, Mapping[str, Any]],
    output: Path,
    check: Callable[[], None] = lambda: None,
) -> Manifest:
    """The manifest of a folder that was exported whole. ``check`` is called while files are hashed and may raise."""
    variants = _variants(answer, verified, output, check)
    of_variants = {name for names in answer.files.values() for name in names}
    beside = [name for name in _all_files(output) if name not in of_variants]
    return Manifest(
        repo_id=spec.repo_id,
        commit=spec.commit,
        task=spec.task,
        licence=spec.licence,
        source_files=_entries(spec.source, source.files, check),
        files=_entries(output, beside, check),
        variants=variants,
        toolchain=dict(answer.versions),
    )


def with_variants(
    published: Manifest,
    answer: ExportAnswer,
    verified: Mapping[str, Mapping[str, Any]],
    output: Path,
    check: Callable[[], None] = lambda: None,
) -> Manifest:
    """The manifest of a published artifact with further variants, in the order of the table of precisions."""
    order = list(PRECISIONS)
    added = _variants(answer, verified, output, check)
    variants = sorted((*published.variants, *added), key=lambda variant: order.index(variant.precision))
    return replace(published, variants=tuple(variants))


def artifact_files(published: Manifest, precision: str) -> Iterator[str]:
    """Names of the files beside the graphs, and of one variant."""
    yield from (entry.name for entry in published.files)
    for variant in published.variants:
        if variant.precision == precision:
            yield from (entry.name for entry in variant.files)


def _variants(
    answer: ExportAnswer, verified: Mapping[str, Mapping[str, Any]], output: Path, check: Callable[[], None]
) -> tuple[VariantEntry, ...]:
    return tuple(
        VariantEntry(
            precision=name,
            recipe=answer.recipes[name],
            files=_entries(output, answer.files[name], check),
            verification=verified[name],
        )
        for name in PRECISIONS
        if name in answer.files
    )


def _entries(folder: Path, names: Iterable[str], check: Callable[[], None]) -> tuple[FileEntry, ...]:
    return tuple(FileEntry(name, (folder / name).stat().st_size, _sha256(folder / name, check)) for name in names)


def _sha256(path: Path, check: Callable[[], None]) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while part := stream.read(READ_BYTES):
            check()
            digest.update(part)
    return digest.hexdigest()


def _all_files(folder: Path) -> list[str]:
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [name for name in names if name != MANIFEST_NAME]
