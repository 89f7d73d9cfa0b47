from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from workbench.resources import assets_dir, exporters_dir

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_every_package_of_the_source_is_in_the_list() -> None:
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for top in ("workbench", "exporters")
        for path in (ROOT / top).rglob("__init__.py")
    }
    assert set(SETTINGS["tool"]["setuptools"]["packages"]) == found | {"workbench.assets"}


def test_a_checkout_finds_its_own_files() -> None:
    assert assets_dir() == ROOT / "assets"
    assert exporters_dir() == ROOT / "exporters"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which the wheel of this checkout was installed, without its dependencies."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    for name in ("workbench", "exporters", "assets"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "THIRD_PARTY_NOTICES.md"):
        shutil.copy(ROOT / name, source / name)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    make = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source)]
    subprocess.run(make, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    place = [*pip, "install", "--no-deps", "--no-index", "--target", str(folder / "site"), str(wheel)]
    subprocess.run(place, check=True, capture_output=True)
    return folder / "site"


def test_an_installed_wheel_finds_its_files(installed: Path) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(installed)!r})\n"
        "from workbench.resources import assets_dir, exporters_dir\n"
        "print(assets_dir()); print(exporters_dir())"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], check=True, capture_output=True, text=True)
    assets, exporters = map(Path, done.stdout.splitlines())
    assert (assets, exporters) == (installed / "workbench" / "assets", installed / "exporters")
    for folder, original in ((assets, ROOT / "assets"), (exporters, ROOT / "exporters")):
        wanted = {p.relative_to(original) for p in original.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        there = {p.relative_to(folder) for p in folder.rglob("*") if p.is_file() and "__pycache__" not in p.parts}
        assert there == wanted


def test_an_installed_wheel_has_its_licence_and_its_command(installed: Path) -> None:
    (info,) = installed.glob("offline_ai_workbench-*.dist-info")
    assert (info / "licenses" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert (info / "licenses" / "THIRD_PARTY_NOTICES.md").is_file()
    assert "workbench = workbench.__main__:main" in (info / "entry_points.txt").read_text("utf-8")


def test_exactly_one_extra_brings_each_kind_of_onnxruntime() -> None:
    extras = SETTINGS["project"]["optional-dependencies"]
    brings = {name for name, needs in extras.items() if any(need.startswith("onnxruntime") for need in needs)}
    assert brings == {"cpu", "cuda", "directml"}
    assert not any(need.startswith("onnxruntime") for need in SETTINGS["project"]["dependencies"])
