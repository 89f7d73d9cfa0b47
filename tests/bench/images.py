"""How fast a large photograph becomes the numbers a model takes, against transformers' image processor.

    python -m tests.bench.images [--rounds 5] [--json]

JPEGs of 12 megapixels (photographs of the test data, enlarged, with the noise of a sensor) to tensors of 224 x 224, by
the settings of ViT. Ours with and without decoding at a part of the size (``draft``), each picture by turns. Needs
WORKBENCH_TEST_TOOLCHAIN and WORKBENCH_TEST_HUB. Medians; one round before counts for nothing. Differences are of
normalised values, of which one step of 8 bits is 0.008.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from workbench.runtime.image_processing import ImageProcessor
from workbench.tasks.base import ModelFiles

ROOT = Path(__file__).parents[2]
NAMES = ("astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg")
SIZE = (4000, 3000)
NOISE = 3.0
SETTINGS = {"image_processor_type": "ViTImageProcessor", "size": {"height": 224, "width": 224}, "resample": 2}


def make_pictures(folder: Path, source: Path) -> list[Path]:
    rng = np.random.default_rng(1)
    for name in NAMES:
        with Image.open(source / name) as picture:
            large = picture.convert("RGB").resize(SIZE, Image.Resampling.LANCZOS)
        values = np.asarray(large, np.float32) + rng.normal(0, NOISE, (*SIZE[::-1], 1)).astype(np.float32)
        Image.fromarray(values.clip(0, 255).astype(np.uint8)).save(folder / f"{Path(name).stem}.jpg", quality=90)
    return sorted(folder.glob("*.jpg"))


def timed(processor: ImageProcessor, path: Path) -> tuple[float, Any]:
    started = time.perf_counter()
    values = processor(processor.load(path), path)
    return time.perf_counter() - started, values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS), "utf-8")
        (folder / "config.json").write_text('{"model_type": "vit"}', "utf-8")
        pictures = make_pictures(folder, Path(os.environ["WORKBENCH_TEST_HUB"]) / "testdata")
        rows = compare(folder, pictures, words.rounds)
    if words.json:
        print(json.dumps(rows, indent=1))
        return
    print(f"{'':14}{'MB':>6}{'transformers':>14}{'whole':>8}{'draft':>8}  times   largest difference, mean")
    for row in rows:
        seconds = "".join(f"{row[key] * 1000:{width}.0f}" for key, width in (("peer", 14), ("whole", 8), ("draft", 8)))
        differences = f"{row['largest']:.4f} {row['mean']:.5f}"
        print(f"{row['name']:14}{row['bytes'] / 1e6:6.1f}{seconds}{row['ratio']:7.1f}   {differences}")


def compare(folder: Path, pictures: list[Path], rounds: int) -> list[dict[str, Any]]:
    script = ROOT / "tests" / "toolchain_scripts" / "image_speed.py"
    command = [os.environ["WORKBENCH_TEST_TOOLCHAIN"], "-I", script, folder, folder, str(rounds), *pictures]
    subprocess.run(command, check=True, env=os.environ | {"HF_HUB_OFFLINE": "1"}, capture_output=True)
    peer = json.loads((folder / "speed.json").read_text("utf-8"))
    files = ModelFiles(folder, {})
    processors = {"whole": ImageProcessor(files, draft=False), "draft": ImageProcessor(files, draft=True)}
    rows = []
    with np.load(folder / "pixels.npz") as archive:
        for path in pictures:
            times_s: dict[str, list[float]] = {key: [] for key in processors}
            for _ in range(rounds + 1):
                for key, processor in processors.items():
                    seconds, values = timed(processor, path)
                    times_s[key].append(seconds)
            difference = np.abs(values - archive[path.name])
            row = {key: statistics.median(seconds[1:]) for key, seconds in times_s.items()}
            row |= {"peer": statistics.median(peer[path.name])}
            row |= {"largest": float(difference.max()), "mean": float(difference.mean())}
            size = {"name": path.stem, "bytes": path.stat().st_size}
            rows.append(size | row | {"ratio": row["peer"] / row["draft"]})
    return rows


if __name__ == "__main__":
    main()
