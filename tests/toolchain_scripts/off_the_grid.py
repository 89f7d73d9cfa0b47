"""``off_the_grid.py OUT SNAPSHOT``: a language model whose weights lie on no grid.

Those of a checkpoint that was rebuilt from a file of 4 bits do, and a way of rounding could find it again. Each weight
is moved by up to half a step of such a file's blocks of 32.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

BLOCK = 32


def main() -> None:
    out, snapshot = Path(sys.argv[1]), Path(sys.argv[2])
    random = np.random.default_rng(1)
    weights = load_file(snapshot / "model.safetensors")
    for name, weight in weights.items():
        if weight.ndim == 2 and weight.shape[1] % BLOCK == 0:
            blocks = weight.astype(np.float32).reshape(len(weight), -1, BLOCK)
            step = (blocks.max(axis=2, keepdims=True) - blocks.min(axis=2, keepdims=True)) / 15
            moved = blocks + (random.random(blocks.shape, np.float32) - 0.5) * step
            weights[name] = moved.reshape(weight.shape)
    save_file(weights, out / "model.safetensors", {"format": "pt"})
    for path in snapshot.iterdir():
        if path.name != "model.safetensors":
            shutil.copyfile(path, out / path.name)


if __name__ == "__main__":
    main()
