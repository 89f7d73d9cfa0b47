"""Builds hub caches and model folders out of a few bytes."""

from __future__ import annotations

import hashlib
import json
import os
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from exporters.protocol import MANIFEST_SCHEMA

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98"
LFS_POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"

Files = Mapping[str, bytes | str | dict[str, Any]]


def safetensors(shape: tuple[int, ...] = (2, 3), *, name: str = "weight") -> bytes:
    """A whole file with one fp32 tensor of zeros."""
    count = 1
    for size in shape:
        count *= size
    header = json.dumps({name: {"dtype": "F32", "shape": shape, "data_offsets": [0, 4 * count]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4 * count)


def config(
    architecture: str = "BertForSequenceClassification", model_type: str = "bert", **more: Any
) -> dict[str, Any]:
    return {"architectures": [architecture], "model_type": model_type, **more}


def card(text: str = "About it.", **metadata: Any) -> str:
    front = "".join(f"{key}: {json.dumps(value)}\n" for key, value in metadata.items())
    return f"---\n{front}---\n{text}\n"


CLASSIFIER: Files = {
    "config.json": config(),
    "README.md": card(license="mit", language=["en", "de"], pipeline_tag="text-classification"),
    "tokenizer.json": "{}",
    "model.safetensors": safetensors(),
}


def as_bytes(content: bytes | str | dict[str, Any]) -> bytes:
    if isinstance(content, dict):
        return json.dumps(content).encode()
    return content.encode() if isinstance(content, str) else content


def write_files(folder: Path, files: Files) -> Path:
    """A folder with these files; returns it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(content))
    return folder


class Hub:
    """A hub cache."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)

    def repo(self, repo_id: str) -> Path:
        return self.root / f"models--{repo_id.replace('/', '--')}"

    def add(
        self,
        repo_id: str,
        files: Files = CLASSIFIER,
        *,
        commit: str = COMMIT,
        refs: Iterable[str] = ("main",),
        links: bool = True,
    ) -> Path:
        """A revision, with links to blobs or, as on systems without links, with the files themselves; its folder."""
        repo = self.repo(repo_id)
        snapshot = repo / "snapshots" / commit
        snapshot.mkdir(parents=True)
        (repo / "blobs").mkdir(exist_ok=True)
        for name, content in files.items():
            path = snapshot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if not links:
                path.write_bytes(as_bytes(content))
                continue
            blob = repo / "blobs" / hashlib.sha256(as_bytes(content)).hexdigest()
            if not blob.exists():  # as the hub's client, which has no need to write it again
                blob.write_bytes(as_bytes(content))
            path.symlink_to(os.path.relpath(blob, path.parent))
        for ref in refs:
            path = repo / "refs" / ref
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(commit)
        return snapshot


def write_artifact(
    folder: Path,
    *,
    repo_id: str = "org/model",
    commit: str = COMMIT,
    task: str = "text-classification",
    precisions: Mapping[str, str] = {"fp32": "onnx/model.onnx"},
) -> Path:
    """An exported model with one graph for each precision; returns its folder."""
    files = {"config.json": as_bytes(config()), "README.md": as_bytes(card())}
    graphs = {precision: {name: f"graph {precision}".encode()} for precision, name in precisions.items()}
    for group in (files, *graphs.values()):
        write_files(folder, group)
    document = {
        "schema": MANIFEST_SCHEMA,
        "repo_id": repo_id,
        "commit": commit,
        "task": task,
        "licence": "mit",
        "source_files": [],
        "files": _entries(files),
        "variants": [
            {"precision": precision, "recipe": {}, "files": _entries(group), "verification": {}}
            for precision, group in graphs.items()
        ],
        "toolchain": {"optimum": "2.1.0"},
    }
    (folder / "workbench.json").write_text(json.dumps(document))
    return folder


def _entries(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"name": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    ]


def age(folder: Path, seconds: float = 3600) -> None:
    """Let everything below have been written that long ago."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            when = path.stat().st_mtime - seconds
            os.utime(path, (when, when))


def wait_for_a_tick(folder: Path) -> None:
    """Until the file system's clock has gone on, so that what is written now differs in time from what was."""
    probe = folder / ".probe"
    probe.touch()
    before = probe.stat().st_ctime_ns
    while probe.stat().st_ctime_ns == before:
        probe.write_bytes(b"")
    probe.unlink()
