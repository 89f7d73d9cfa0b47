"""``voices.py OUT``: tiny VITS voices, their graphs as an export makes them, and what torch speaks without noise.

Run by the toolchain's Python. Writes, below OUT: ``NAME`` (each a folder as an export is), ``cases.json`` (ids by the
tokenizer), ``waves.npz`` ("NAME/TEXT" → float32 [samples] without noise), ``noisy.json`` (mean length, level with it).
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
from transformers import VitsConfig, VitsModel, VitsTokenizer

from exporters.optimum_exporter import export
from exporters.protocol import ExportRequest
from tests.toolchain_scripts.recording import Silent

transformers.logging.set_verbosity_error()
SIZE = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "ffn_dim": 48,
    "flow_size": 32,
    "spectrogram_bins": 33,
    "duration_predictor_num_flows": 2,
    "duration_predictor_filter_channels": 32,
    "prior_encoder_num_flows": 2,
    "prior_encoder_num_wavenet_layers": 2,
    "posterior_encoder_num_wavenet_layers": 2,
    "depth_separable_num_layers": 2,
    "upsample_initial_channel": 32,
    "upsample_rates": [8, 4, 2],
    "upsample_kernel_sizes": [16, 8, 4],
    "resblock_kernel_sizes": [3, 5],
    "resblock_dilation_sizes": [[1, 3], [1, 3]],
    "sampling_rate": 16_000,
}
# As in the voices of MMS, a letter of the alphabet stands for padding.
MMS = {"phonemize": False, "pad_token": "k", "unk_token": "<unk>", "language": "eng"}
VOICES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "letters": ({}, MMS, "k'z y u d h e s w – 3 c p - 1 j m i x f l o 0 r a 4 2 n v q b g t".replace(" ", "") + "_ "),
    "regular": (
        {"use_stochastic_duration_prediction": False, "sampling_rate": 22_050, "speaking_rate": 0.8},
        {"phonemize": False, "add_blank": False, "language": "ron"},
        "_ abcdeşţăîfgh.,ijklmnoprstuvz",
    ),
    "exact": (
        {"noise_scale": 0.4, "noise_scale_duration": 0.3},
        {"phonemize": False, "normalize": False, "pad_token": "_"},
        "_ AaBbCcDdEeFfGgHhIiLlMmNnOoRrSsTtUu,.!",
    ),
}
ROUNDS = 8
TEXTS = (
    "Good morning, the train to the coast leaves in ten minutes.",
    "kayak",
    "k",
    "Țară, ŢARĂ şi kilogram",
    "a <unk> b",
    "UPPER and lower, 1234 – 5!",
    "  spaces   inside  ",
)


def make(name: str, folder: Path) -> VitsModel:
    settings, spelling, alphabet = VOICES[name]
    folder.mkdir(parents=True)
    letters = list(dict.fromkeys(alphabet))
    vocabulary = {letter: n for n, letter in enumerate([*letters, "<unk>"])}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False), "utf-8")
    tokenizer = VitsTokenizer(str(folder / "vocab.json"), **spelling)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(17)
    model = VitsModel(VitsConfig(**SIZE | settings, vocab_size=len(tokenizer))).eval()
    model.save_pretrained(folder)
    return model


def spoken_often(model: VitsModel, given: Any) -> list[float]:
    """Mean length and level with noise; the generator of one's own is not that of a graph."""
    torch.manual_seed(1)
    waves = [model(**given).waveform[0].numpy() for _ in range(ROUNDS)]
    return [float(np.mean([len(wave) for wave in waves])), float(np.mean([np.sqrt(np.mean(w**2)) for w in waves]))]


def main(out: Path) -> None:
    cases: dict[str, Any] = {}
    waves: dict[str, np.ndarray] = {}
    noisy: dict[str, Any] = {}
    for name in VOICES:
        source, folder = out / "checkpoints" / name, out / name
        make(name, source)
        request = ExportRequest(
            source=str(source),
            output=str(folder),
            task="text-to-speech",
            export_task="text-to-audio",
            precisions=("fp32", "fp16"),
            samples=[TEXTS[0], "Це інша абетка."],
        )
        export(request, Silent())  # type: ignore[arg-type]
        model, tokenizer = VitsModel.from_pretrained(source).eval(), VitsTokenizer.from_pretrained(source)
        cases[name] = {text: tokenizer(text)["input_ids"] for text in TEXTS}
        for text in TEXTS:
            if not cases[name][text]:
                continue
            given = tokenizer(text, return_tensors="pt")
            with torch.no_grad():
                if text == TEXTS[0]:
                    noisy[name] = spoken_often(model, given)
                kept = model.noise_scale, model.noise_scale_duration, model.speaking_rate
                model.noise_scale = model.noise_scale_duration = 0.0
                waves[f"{name}/{text}"] = model(**given).waveform[0].numpy()
                model.speaking_rate = 2.0
                waves[f"{name}/{text}/fast"] = model(**given).waveform[0].numpy()
                model.noise_scale, model.noise_scale_duration, model.speaking_rate = kept
    (out / "cases.json").write_text(json.dumps(cases), "utf-8")
    (out / "noisy.json").write_text(json.dumps(noisy), "utf-8")
    np.savez(out / "waves.npz", **waves)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
