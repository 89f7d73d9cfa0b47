"""``whisper_torch.py SNAPSHOT SOUND THREADS``: transformers in rounds, greedy; run by the toolchain's Python."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
import torch
from transformers import pipeline

from tests.bench.rounds import answer_rounds


def main(snapshot: str, sound_file: str, threads: str) -> None:
    torch.set_num_threads(int(threads))
    with np.load(sound_file) as archive:
        sound = archive["sound"]
    recognise = pipeline("automatic-speech-recognition", snapshot, device="cpu")
    answer_rounds(lambda: recognise(sound.copy(), return_timestamps=True, generate_kwargs={"num_beams": 1})["text"])


if __name__ == "__main__":
    main(*sys.argv[1:])
