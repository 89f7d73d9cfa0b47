"""``whisper_speed.py OUT SNAPSHOT SOUND THREADS ROUNDS``: seconds that transformers with torch takes for a sound.

Run by the toolchain's Python; ``SOUND`` is an npz with ``sound``. Writes ``torch.json``: ``times_s`` and ``text``. Both
sides decode greedily.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from transformers import pipeline


def main(out: Path, snapshot: Path, sound_file: Path, threads: int, rounds: int) -> None:
    torch.set_num_threads(threads)
    with np.load(sound_file) as archive:
        sound = archive["sound"]
    recognise = pipeline("automatic-speech-recognition", str(snapshot), device="cpu")
    times_s, text = [], ""
    for _ in range(rounds + 1):
        started = time.perf_counter()
        text = recognise(sound.copy(), return_timestamps=True, generate_kwargs={"num_beams": 1})["text"]
        times_s.append(time.perf_counter() - started)
    (out / "torch.json").write_text(json.dumps({"times_s": times_s[1:], "text": text}), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
