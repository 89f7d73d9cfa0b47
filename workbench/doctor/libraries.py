"""Which libraries a provider of onnxruntime needs, and where they lie: found by reading files, none is loaded.

What the wheel's own library needs is read out of it (ELF, System V ABI, chapter "Dynamic Linking"), so the names are
those of the version that is installed.
"""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from workbench.providers import Provider

__all__ = ["find_library", "library_folders", "missing_libraries", "needed_libraries", "provider_library"]

ELF_MAGIC, ELF_64_LITTLE = b"\x7fELF", b"\x02\x01"
LOADED, DYNAMIC = 1, 2  # types of segments
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ = 0, 1, 5, 10
MAX_TABLE_BYTES = 1 << 20
LDCONFIG_TIMEOUT_S = 5.0
USUAL_FOLDERS = ("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib", "/usr/local/cuda/lib64")
MULTIARCH = (
    "/lib/x86_64-linux-gnu",
    "/usr/lib/x86_64-linux-gnu",
    "/lib/aarch64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
)


def provider_library(provider: Provider) -> Path | None:
    """The file that the installed onnxruntime loads for a provider; None where it has none."""
    name = dict(provider.library).get(sys.platform)
    spec = find_spec("onnxruntime")
    if name is None or spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / "capi" / name
    return path if path.is_file() else None


def missing_libraries(provider: Provider, *, also: bool = True) -> tuple[str, ...]:
    """Names of the libraries that the provider needs and that are nowhere to be found.

    With ``also`` those that it loads later too. Empty where the installed onnxruntime has no such provider.
    """
    path = provider_library(provider)
    if path is None:
        return ()
    names = needed_libraries(path) if sys.platform == "linux" else dict(provider.needs).get(sys.platform, ())
    if also:
        names = (*names, *dict(provider.also).get(sys.platform, ()))
    return tuple(name for name in names if find_library(name, [path.parent]) is None)


def needed_libraries(path: Path) -> tuple[str, ...]:
    """The libraries that an ELF file names as needed, in its order; empty for what is no 64-bit ELF file, or a broken
    one. Reads only the headers and the table of names, however large the file is."""
    try:
        with path.open("rb") as stream:
            return _read_needed(stream)
    except (OSError, struct.error, ValueError, KeyError, StopIteration):
        return ()


def find_library(name: str, beside: Sequence[Path] = ()) -> Path | None:
    """The file of a library: beside, in the packages of NVIDIA, where the system's loader looks. None where there is
    none."""
    for folder in (*beside, *library_folders()):
        if (folder / name).is_file():
            return folder / name
    return _known_to_loader().get(name)


@cache
def library_folders() -> tuple[Path, ...]:
    """Folders in which libraries are looked for, apart from what the loader's own list names."""
    packages = Path(sysconfig.get_path("purelib")) / "nvidia"
    inside = "bin" if sys.platform == "win32" else "lib"
    # One folder for each package (cublas/lib), or one for a version of CUDA (cu13/lib, cu13/bin/x86_64 on Windows).
    folders = sorted(folder for pattern in (f"*/{inside}", f"*/{inside}/*") for folder in packages.glob(pattern))
    if sys.platform == "win32":
        words = os.environ.get("PATH", "").split(os.pathsep)
        roots = [value for key, value in os.environ.items() if key.upper().startswith("CUDA_PATH")]
        words += [f"{root}\\bin" for root in roots] + [f"{root}\\bin\\x64" for root in roots]
    else:
        words = [*os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep), *USUAL_FOLDERS, *MULTIARCH]
    return tuple(folder for folder in (*folders, *(Path(word) for word in words if word)) if folder.is_dir())


@cache
def _known_to_loader() -> dict[str, Path]:
    """What the loader's list has, ``libcuda.so.1 (libc6,x86-64) => /usr/lib/…`` a line."""
    command = shutil.which("ldconfig") or "/sbin/ldconfig"
    if sys.platform == "win32" or not Path(command).is_file():
        return {}
    try:
        done = subprocess.run([command, "-p"], capture_output=True, timeout=LDCONFIG_TIMEOUT_S, check=False)
    except (OSError, subprocess.SubprocessError):
        return {}
    found = {}
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        name, arrow, path = line.strip().partition(" => ")
        if arrow:
            found[name.split(" ")[0]] = Path(path)
    return found


def _read_needed(stream: BinaryIO) -> tuple[str, ...]:
    if stream.read(6) != ELF_MAGIC + ELF_64_LITTLE:
        return ()
    stream.seek(32)
    (headers_at,) = struct.unpack("<Q", stream.read(8))
    stream.seek(54)
    header_bytes, count = struct.unpack("<HH", stream.read(4))
    segments = []
    for number in range(count):
        stream.seek(headers_at + number * header_bytes)
        kind, _, offset, address, _, in_file = struct.unpack("<IIQQQQ", stream.read(40))
        segments.append((kind, offset, address, in_file))
    entries = [_entries(stream, offset, size) for kind, offset, _, size in segments if kind == DYNAMIC]
    if not entries:
        return ()
    values = dict(entries[0])
    table_at = next(
        offset + values[DT_STRTAB] - address
        for kind, offset, address, size in segments
        if kind == LOADED and address <= values[DT_STRTAB] < address + size
    )
    stream.seek(table_at)
    table = stream.read(min(values[DT_STRSZ], MAX_TABLE_BYTES))
    starts = [value for tag, value in entries[0] if tag == DT_NEEDED]
    return tuple(table[start : table.index(b"\0", start)].decode() for start in starts)


def _entries(stream: BinaryIO, offset: int, size: int) -> list[tuple[int, int]]:
    """Tags and values of the dynamic section, up to its end."""
    stream.seek(offset)
    data = stream.read(min(size, MAX_TABLE_BYTES))
    found = []
    for tag, value in struct.iter_unpack("<qQ", data[: len(data) // 16 * 16]):
        if tag == DT_NULL:
            break
        found.append((tag, value))
    return found
