"""``whisper.py OUT SNAPSHOT SOUND CLIPS``: a real Whisper as the export worker makes it, and what transformers hears.

Run by the toolchain's Python. OUT becomes the folder of an export in fp32, fp16 and int8, with the reference answers to
the clips; ``two_cities.npz`` holds the sound at 16 kHz and its features, ``two_cities.json`` the transcript;
``checks.npz`` and ``checks.json`` are sounds and what transformers' checks measure of their first attempts.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import soundfile
import torch
from scipy.signal import resample_poly
from transformers import pipeline

from exporters.optimum_exporter import export
from exporters.protocol import ExportRequest
from tests.toolchain_scripts.recording import Silent

RATE = 16_000


def main(out: Path, snapshot: Path, sound_file: Path, clips: Path) -> None:
    source = out / "source"
    shutil.copytree(snapshot, source)
    samples, rate = soundfile.read(sound_file, dtype="float32")
    sound = resample_poly(samples, 1, rate // RATE).astype(np.float32)
    recognise = pipeline("automatic-speech-recognition", str(source), device="cpu")
    # The pipeline searches with five beams unless it is told not to.
    heard = recognise(sound.copy(), return_timestamps=True, generate_kwargs={"num_beams": 1})
    heard["chunks"] = [{"text": item["text"], "timestamp": list(item["timestamp"])} for item in heard["chunks"]]
    (out / "two_cities.json").write_text(json.dumps(heard), "utf-8")
    features = recognise.feature_extractor(
        sound, sampling_rate=RATE, truncation=False, padding="longest", return_tensors="np"
    ).input_features[0]
    np.savez(out / "two_cities.npz", sound=sound, features=features)
    write_checks(out, recognise, sound)
    request = ExportRequest(
        source=str(source),
        output=str(out),
        task="automatic-speech-recognition",
        export_task="automatic-speech-recognition-with-past",
        precisions=("fp32", "fp16", "int8"),
        samples=[str(path) for path in sorted(clips.glob("*.flac"))],
    )
    export(request, Silent())  # type: ignore[arg-type]
    shutil.rmtree(source)


def write_checks(out: Path, recognise: Any, speech: np.ndarray) -> None:
    """For speech and for noise: how likely each text is that is tried first, how likely silence is, and the text."""
    noise = np.random.default_rng(0).standard_normal(30 * RATE) * 0.05
    sounds = {"speech": speech[: 247 * RATE // 10], "noise": noise.astype(np.float32)}
    np.savez(out / "checks.npz", **sounds)
    rows = {}
    model, measure = recognise.model, recognise.model._retrieve_avg_logprobs
    for name, sound in sounds.items():
        features = recognise.feature_extractor(sound, sampling_rate=RATE, return_tensors="pt").input_features
        likely: list[float] = []

        def measured(*words: Any, likely: list[float] = likely) -> Any:
            value = measure(*words)
            likely.append(float(value))
            return value

        model._retrieve_avg_logprobs = measured
        first = torch.tensor([[model.generation_config.decoder_start_token_id]])
        with torch.no_grad():
            scores = model(features, decoder_input_ids=first).logits[0, 0].softmax(-1)
        told = {"logprob_threshold": -1.0, "no_speech_threshold": 0.6}
        tokens = model.generate(features, return_timestamps=True, temperature=(0.0,), num_beams=1, **told)
        rows[name] = {
            "log_probability": likely[0],
            "silence": float(scores[model.generation_config.no_timestamps_token_id - 1]),
            "text": recognise.tokenizer.batch_decode(tokens, skip_special_tokens=True)[0],
        }
    (out / "checks.json").write_text(json.dumps(rows), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
