"""``whisper_faster.py MODEL SOUND THREADS``: faster-whisper in int8 and in rounds, greedy, with timestamps.

``whisper_faster.py --convert SNAPSHOT MODEL SITE_PACKAGES`` makes the model, run by a Python that has transformers and
torch; ctranslate2 then comes out of the other Python's site-packages.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))


def convert(snapshot: str, model: str, site_packages: str) -> None:
    sys.path.append(site_packages)
    from ctranslate2.converters import TransformersConverter

    TransformersConverter(snapshot, copy_files=["tokenizer.json", "preprocessor_config.json"]).convert(model)


def main(model: str, sound_file: str, threads: str) -> None:
    import numpy as np
    from faster_whisper import WhisperModel

    from tests.bench.rounds import answer_rounds

    with np.load(sound_file) as archive:
        sound = archive["sound"]
    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=int(threads))

    def work() -> str:
        segments, _ = whisper.transcribe(
            sound, language="en", beam_size=1, temperature=0, condition_on_previous_text=False
        )
        return "".join(segment.text for segment in segments)

    answer_rounds(work)


if __name__ == "__main__":
    (convert if sys.argv[1] == "--convert" else main)(*[word for word in sys.argv[1:] if word != "--convert"])
