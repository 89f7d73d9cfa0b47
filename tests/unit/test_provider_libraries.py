"""Libraries are found by reading files: ELF files made by hand with known names, and damaged ones."""

from __future__ import annotations

import random
import struct
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from workbench.doctor import libraries
from workbench.doctor.libraries import find_library, library_folders, missing_libraries, needed_libraries
from workbench.providers import PROVIDERS

NAMES = ("libcudart.so.13", "libcuda.so.1", "libc.so.6")
BASE = 0x400000  # where the file is mapped, so that addresses and places in it differ


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    for cached in (library_folders, libraries._known_to_loader):
        cached.cache_clear()
    yield
    for cached in (library_folders, libraries._known_to_loader):
        cached.cache_clear()


def elf(names: tuple[str, ...] = NAMES) -> bytes:
    """A shared library of a few hundred bytes that needs these."""
    table, starts = b"\0", []
    for name in names:
        starts.append(len(table))
        table += name.encode() + b"\0"
    dynamic_at = 64 + 2 * 56
    table_at = dynamic_at + 16 * (len(names) + 3)
    entries = [(1, start) for start in starts] + [(5, BASE + table_at), (10, len(table)), (0, 0)]
    dynamic = b"".join(struct.pack("<qQ", *entry) for entry in entries)
    size = table_at + len(table)
    header = (
        b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHIQQQIHHHHHH", 3, 62, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    )
    loaded = struct.pack("<IIQQQQQQ", 1, 5, 0, BASE, BASE, size, size, 0x1000)
    of_dynamic = struct.pack(
        "<IIQQQQQQ", 2, 4, dynamic_at, BASE + dynamic_at, BASE + dynamic_at, len(dynamic), len(dynamic), 8
    )
    return header + loaded + of_dynamic + dynamic + table


class TestNeeded:
    def test_names_in_their_order(self, tmp_path: Path) -> None:
        (tmp_path / "lib.so").write_bytes(elf())
        assert needed_libraries(tmp_path / "lib.so") == NAMES

    def test_of_a_library_that_needs_none(self, tmp_path: Path) -> None:
        (tmp_path / "lib.so").write_bytes(elf(()))
        assert needed_libraries(tmp_path / "lib.so") == ()

    @pytest.mark.skipif(sys.platform != "linux", reason="no ELF files here")
    def test_of_a_real_one(self) -> None:
        spec = find_spec("onnxruntime")
        assert spec is not None
        assert spec.submodule_search_locations
        (library,) = (Path(spec.submodule_search_locations[0]) / "capi").glob("onnxruntime_pybind11_state*.so")
        assert "libc.so.6" in needed_libraries(library)

    def test_what_is_no_library_needs_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "text").write_text("MZ and so on")
        assert needed_libraries(tmp_path / "text") == ()
        assert needed_libraries(tmp_path / "none") == ()

    def test_damaged_ones_raise_nothing(self, tmp_path: Path) -> None:
        whole, file = elf(), tmp_path / "lib.so"
        for length in range(len(whole)):
            file.write_bytes(whole[:length])
            assert set(needed_libraries(file)) <= {*NAMES, ""}
        chance = random.Random(5)
        for _ in range(2000):
            damaged = bytearray(whole)
            for _ in range(3):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            file.write_bytes(damaged)
            assert isinstance(needed_libraries(file), tuple)


class TestFinding:
    def test_beside_the_wheels_own(self, tmp_path: Path) -> None:
        (tmp_path / "liba.so").touch()
        assert find_library("liba.so", [tmp_path]) == tmp_path / "liba.so"
        assert find_library("liba.so") is None

    @pytest.mark.skipif(sys.platform == "win32", reason="PATH is that of Windows")
    def test_where_the_environment_says(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "liba.so").touch()
        monkeypatch.setenv("LD_LIBRARY_PATH", f"/none:{tmp_path}")
        assert find_library("liba.so") == tmp_path / "liba.so"

    @pytest.mark.parametrize("place", ["cudnn/lib", "cu13/lib"])
    @pytest.mark.skipif(sys.platform == "win32", reason="the folders have other names on Windows")
    def test_in_packages_of_nvidia(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
        folder = tmp_path / "nvidia" / place
        folder.mkdir(parents=True)
        (folder / "liba.so").touch()
        monkeypatch.setattr(libraries.sysconfig, "get_path", lambda name: str(tmp_path))
        assert find_library("liba.so") == folder / "liba.so"

    @pytest.mark.skipif(sys.platform != "linux", reason="there is no ldconfig")
    def test_in_the_loaders_list(self) -> None:
        assert find_library("libc.so.6") is not None


@pytest.mark.skipif(sys.platform != "linux", reason="names are those of Linux")
class TestMissing:
    def test_what_is_nowhere(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        library = tmp_path / "libonnxruntime_providers_cuda.so"
        library.write_bytes(elf(("libnone.so.13", "libthere.so.1", "libc.so.6")))
        (tmp_path / "libthere.so.1").touch()
        monkeypatch.setattr(libraries, "provider_library", lambda provider: library)
        cuda = replace(PROVIDERS["cuda"], also=(("linux", ("libnone-dnn.so.9",)),))
        assert missing_libraries(cuda) == ("libnone.so.13", "libnone-dnn.so.9")
        assert missing_libraries(cuda, also=False) == ("libnone.so.13",)

    def test_of_a_wheel_without_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(libraries, "provider_library", lambda provider: None)
        assert missing_libraries(PROVIDERS["cuda"]) == ()
