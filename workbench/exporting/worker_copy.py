"""The private copy of the exporter that a toolchain's Python runs: it holds nothing else of the application."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path

import workbench
from workbench.resources import exporters_dir

__all__ = ["ensure_worker_copy", "worker_files"]

# Of the application's own package only what the worker needs to speak: no tokenizers, no numpy of ours comes along.
WORKBENCH_FILES = ("__init__.py", "wire.py")


def worker_files() -> dict[str, Path]:
    """Name in the copy → file of this installation."""
    ours = exporters_dir()
    files = {f"exporters/{path.name}": path for path in sorted(ours.glob("*.py"))}
    return files | {f"workbench/{name}": Path(workbench.__file__).parent / name for name in WORKBENCH_FILES}


def ensure_worker_copy(data_dir: Path) -> Path:
    """The copy for this version, ``exporter/<version>-<hash8>``, made if it is not there or was changed."""
    files = worker_files()
    content = {name: path.read_bytes() for name, path in files.items()}
    base = data_dir / "exporter"
    final = base / f"{workbench.__version__}-{_digest(content)[:8]}"
    if _holds(final, content):
        return final
    base.mkdir(parents=True, exist_ok=True)
    staged = Path(tempfile.mkdtemp(prefix=".new-", dir=base))
    try:
        for name, data in content.items():
            target = staged / name
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(data)
        shutil.rmtree(final, ignore_errors=True)
        try:
            staged.rename(final)
        except OSError:
            if not _holds(final, content):  # another process was faster with the same copy, else it is an error
                raise
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    return final


def _holds(folder: Path, content: dict[str, bytes]) -> bool:
    try:
        found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.suffix == ".py"}
        return found == content.keys() and all((folder / name).read_bytes() == data for name, data in content.items())
    except OSError:
        return False


def _digest(content: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name in sorted(content):
        digest.update(name.encode() + b"\0" + hashlib.sha256(content[name]).digest())
    return digest.hexdigest()
