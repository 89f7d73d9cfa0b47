"""Snapshots in the layout of the hub cache, and what every export in these tests shares."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.exporting.job import run_export
from workbench.exporting.spec import STAGING, ExportOutcome, ExportSpec
from workbench.exporting.toolchains import Toolchain

COMMIT = "0123456789abcdef0123456789abcdef01234567"
HERE = Path(__file__).parent

Export = Callable[..., ExportOutcome]


def safetensors(elements: int, dtype: str = "F32", size: int = 4) -> bytes:
    """A safetensors file with one tensor of zeros."""
    header = {"weight": {"dtype": dtype, "shape": [elements], "data_offsets": [0, elements * size]}}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(elements * size)


def make_snapshot(cache: Path, files: Mapping[str, bytes | str], repo: str = "models--org--name") -> Path:
    """A snapshot whose files are links into ``blobs/``, as the hub's client lays it out."""
    snapshot = cache / repo / "snapshots" / COMMIT
    blobs = cache / repo / "blobs"
    blobs.mkdir(parents=True)
    for number, (name, content) in enumerate(files.items()):
        blob = blobs / f"blob{number}"
        blob.write_bytes(content.encode() if isinstance(content, str) else content)
        path = snapshot / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(blob)
    return snapshot


PLAIN_FILES: dict[str, bytes | str] = {
    "config.json": json.dumps({"model_type": "bert", "architectures": ["BertModel"]}),
    "tokenizer.json": "{}",
    "README.md": "# A model",
    "LICENSE": "Apache-2.0",
    "model.safetensors": safetensors(1000),
}


@pytest.fixture
def snapshot(tmp_path: Path) -> Path:
    return make_snapshot(tmp_path / "cache", PLAIN_FILES)


def spec_of(source: Path, *precisions: str, **changes: Any) -> ExportSpec:
    values: dict[str, Any] = {
        "source": source,
        "repo_id": "org/name",
        "commit": COMMIT,
        "task": "feature-extraction",
        "export_task": "feature-extraction",
        "precisions": precisions or ("fp32",),
        "licence": "apache-2.0",
    }
    return ExportSpec(**(values | changes))


@pytest.fixture(scope="session")
def checkpoint(warm_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Tiny seeded checkpoints by their kind, made once by ``checkpoints.py`` in the toolchain's Python."""
    made: dict[str, Path] = {}

    def make(kind: str) -> Path:
        if kind not in made:
            folder = tmp_path_factory.mktemp("checkpoints") / kind
            subprocess.run([warm_toolchain, HERE / "checkpoints.py", kind, folder], check=True, capture_output=True)
            made[kind] = folder
        return made[kind]

    return make


@pytest.fixture
def export(warm_toolchain: Path, tmp_path: Path) -> Export:
    return _exporting(warm_toolchain, tmp_path)


@pytest.fixture
def cold_export(toolchain_python: Path, tmp_path: Path) -> Export:
    """For what is asked of the worker's process: its memory, and that it ends when it is told."""
    return _exporting(toolchain_python, tmp_path)


def _exporting(python: Path, tmp_path: Path) -> Export:
    def run(spec: ExportSpec, **more: Any) -> ExportOutcome:
        return run_export(
            spec,
            toolchain=Toolchain("optimum", python, managed=False),
            artifacts_dir=tmp_path / "artifacts",
            data_dir=tmp_path / "data",
            **({"verify": verify_nothing} | more),
        )

    return run


def workers() -> list[psutil.Process]:
    """The processes of cold exports."""
    children = psutil.Process().children(recursive=True)
    return [child for child in children if any("exporters.__main__" in word for word in child.cmdline())]


def verify_nothing(folder: Path, task: str, precision: str) -> Mapping[str, Any]:
    return {}


def nothing_published(tmp_path: Path) -> bool:
    artifacts = tmp_path / "artifacts"
    staged = [path for path in (artifacts / STAGING).iterdir() if path.is_dir()]
    return [path.name for path in artifacts.iterdir()] == [STAGING] and not staged


def changed(source: Path, target: Path, **keys: Any) -> Path:
    """A copy of a checkpoint with other keys in its config."""
    target.mkdir()
    for path in source.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    config = json.loads((target / "config.json").read_text()) | keys
    (target / "config.json").write_text(json.dumps(config))
    return target
