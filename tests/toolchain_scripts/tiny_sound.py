"""What the scripts about sound share: sounds, small settings of models, seeds whose best answer leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers

__all__ = ["RATE", "WAVE", "extractor_of", "sounds", "with_margin"]

RATE = 16_000
MARGIN = 1e-2
SEEDS = 60
# Small, and with the strides of wav2vec 2.0 (320 samples a step).
WAVE: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "conv_dim": (24,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 4,
    "classifier_proj_size": 16,
    "mask_time_prob": 0.0,
}


def sounds() -> dict[str, np.ndarray]:
    """Tones, noise, clicks, speech-like bursts, silence; from a tenth of a second to some seconds."""
    random = np.random.default_rng(11)

    def time(seconds: float) -> np.ndarray:
        return np.arange(int(seconds * RATE)) / RATE

    def noise(seconds: float) -> np.ndarray:
        return random.standard_normal(int(seconds * RATE))

    sweep = time(4.37)
    bursts = time(3.01)
    found = {
        "tone": 0.3 * np.sin(2 * np.pi * 440 * time(1.0)) + 0.01 * noise(1.0),
        "sweep": 0.5 * np.sin(2 * np.pi * (100 + 700 * sweep) * sweep) + 0.003 * noise(4.37),
        "noise": 0.2 * noise(2.5),
        "bursts": noise(3.01) * 0.3 * (np.sin(2 * np.pi * 3 * bursts) > 0.3) * np.abs(np.sin(9 * bursts)),
        "clicks": np.where(np.arange(int(1.7 * RATE)) % 1999 == 0, 0.9, 0.0) + 0.001 * noise(1.7),
        "offset": 0.4 + 0.05 * noise(0.9),
        "short": 0.3 * noise(0.1),
    }
    return {name: np.clip(sound, -1, 1).astype(np.float32) for name, sound in found.items()}


def extractor_of(name: str) -> Any:
    """The feature extractor of a kind of model, each with a setting of its own."""
    if name == "audio-spectrogram-transformer":
        return transformers.ASTFeatureExtractor(num_mel_bins=64, max_length=300, mean=-5.0, std=3.5)
    if name == "whisper":
        return transformers.WhisperFeatureExtractor(feature_size=80)
    if name == "wav2vec2-bert":
        return transformers.SeamlessM4TFeatureExtractor(feature_size=80, num_mel_bins=80)
    plain = name in ("wavlm",)
    return transformers.Wav2Vec2FeatureExtractor(do_normalize=not plain, return_attention_mask=False)


def with_margin(
    make: Callable[[int], Any],
    sharpen: Callable[[Any], None],
    scores: Callable[[Any], Any],
    margin: float = MARGIN,
) -> Any:
    """The first seeded model whose best score [..., classes] leads by a margin everywhere, and is not one for all."""
    for seed in range(SEEDS):
        with torch.no_grad():
            model = make(seed)
            sharpen(model)
            best = scores(model).topk(2, -1)
        lead = best.values[..., 0] - best.values[..., 1]
        if float(lead.min()) > margin and len(best.indices[..., 0].unique()) > 1:
            return model
    raise SystemExit("no seed gives a model with a margin")
