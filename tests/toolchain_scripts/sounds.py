"""``sounds.py OUT``: tiny models that listen to raw sound, with their graphs, and what transformers makes of sounds.

Run by the toolchain's Python. Writes, below OUT: ``sounds.npz`` (float32 [n] at 16 kHz), ``labels/NAME`` (audio
classifiers, each a folder as an export is), ``labels.json`` {name: {sound: [{"label", "score"}, …]}} and
``features.npz`` ("NAME/SOUND" → what the extractor gives).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
import transformers
from optimum.exporters.onnx import main_export
from transformers import pipeline

from tests.toolchain_scripts.tiny_sound import RATE, WAVE, extractor_of, sounds, with_margin

transformers.logging.set_verbosity_error()
LABELS = 6
HEADS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2ForSequenceClassification, WAVE),
    "hubert": (transformers.HubertConfig, transformers.HubertForSequenceClassification, WAVE),
    "wavlm": (transformers.WavLMConfig, transformers.WavLMForSequenceClassification, WAVE),
    "data2vec-audio": (
        transformers.Data2VecAudioConfig,
        transformers.Data2VecAudioForSequenceClassification,
        WAVE | {"feat_extract_norm": "layer", "num_conv_pos_embeddings": 3},
    ),
    "unispeech-sat": (transformers.UniSpeechSatConfig, transformers.UniSpeechSatForSequenceClassification, WAVE),
    "sew": (
        transformers.SEWConfig,
        transformers.SEWForSequenceClassification,
        WAVE | {"conv_dim": (24,) * 13, "squeeze_factor": 2},
    ),
    "audio-spectrogram-transformer": (
        transformers.ASTConfig,
        transformers.ASTForAudioClassification,
        {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        | {"num_mel_bins": 64, "max_length": 300},
    ),
    "whisper": (
        transformers.WhisperConfig,
        transformers.WhisperForAudioClassification,
        {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 64}
        | {"decoder_layers": 1, "decoder_attention_heads": 4, "decoder_ffn_dim": 64, "use_weighted_layer_sum": True},
    ),
}


def classifier(name: str, folder: Path, heard: dict[str, np.ndarray]) -> None:
    """Make a checkpoint whose best label leads for every sound, and its graph."""
    config_class, model_class, settings = HEADS[name]
    names = {n: f"kind {n}" for n in range(LABELS)}
    extractor = extractor_of(name)

    def make(seed: int) -> Any:
        torch.manual_seed(seed)
        config = config_class(**settings, id2label=names, label2id={label: n for n, label in names.items()})
        return model_class(config).eval()

    def logits(model: Any) -> list[torch.Tensor]:
        return [
            model(**extractor(sound, sampling_rate=RATE, return_tensors="pt")).logits[0] for sound in heard.values()
        ]

    def sharpen(model: Any) -> None:
        """Random heads say the same of all: take away what they say of the average, and stretch the rest."""
        head = model.classifier.dense if name.startswith("audio") else model.classifier
        found = torch.stack(logits(model))
        head.bias -= found.mean(0)
        scale = 3 / (found - found.mean(0)).std()
        head.weight *= scale
        head.bias *= scale

    model = with_margin(make, sharpen, lambda model: torch.stack(logits(model)).softmax(-1))
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    main_export(str(folder), folder / "onnx", task="audio-classification", do_validation=False)


def main(out: Path) -> None:
    heard = sounds()
    np.savez(out / "sounds.npz", **heard)
    answers: dict[str, Any] = {}
    features: dict[str, np.ndarray] = {}
    for name in HEADS:
        folder = out / "labels" / name
        classifier(name, folder, heard)
        classify = pipeline("audio-classification", str(folder), device="cpu")
        answers[name] = {sound: classify(heard[sound].copy()) for sound in heard}
        for sound, samples in heard.items():
            given = classify.feature_extractor(samples, sampling_rate=RATE, return_tensors="np")
            features[f"{name}/{sound}"] = given[classify.model.main_input_name]
    (out / "labels.json").write_text(json.dumps(answers, indent=1), "utf-8")
    np.savez(out / "features.npz", **features)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
