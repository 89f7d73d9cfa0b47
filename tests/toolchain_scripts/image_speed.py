"""``image_speed.py OUT PROCESSOR ROUNDS PICTURE…``: seconds that transformers takes from a file to a tensor.

Run by the toolchain's Python; PROCESSOR is a folder with a ``preprocessor_config.json``. Writes ``speed.json``,
``{picture: [seconds of each round]}``, and ``pixels.npz``, picture → pixel_values.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
from transformers import AutoImageProcessor
from transformers.image_utils import load_image


def main(out: Path, folder: Path, rounds: int, pictures: list[Path]) -> None:
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    times_s: dict[str, list[float]] = {path.name: [] for path in pictures}
    pixels = {}
    for number in range(rounds + 1):
        for path in pictures:
            started = time.perf_counter()
            pixels[path.name] = processor(load_image(str(path)), return_tensors="np").pixel_values
            if number:
                times_s[path.name].append(time.perf_counter() - started)
    (out / "speed.json").write_text(json.dumps(times_s), "utf-8")
    np.savez(out / "pixels.npz", **pixels)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), [Path(word) for word in sys.argv[4:]])
