"""``speech.py OUT``: tiny Whisper models with their graphs, and what transformers makes of two sounds with them.

Run by the toolchain's Python. Writes, below OUT: ``sounds.npz`` (float32 [n] at 16 kHz), ``features.npz`` (log-mel
spectrograms), ``english`` and ``multilingual`` (each a folder as an export is), ``cases.json`` (transcripts), and
``reference`` (what the export worker would record for the multilingual model).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import soundfile
import torch
from optimum.exporters.onnx import main_export
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    GenerationConfig,
    LogitsProcessorList,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
    WhisperTokenizerFast,
    pipeline,
)

from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Margin, Silent

RATE = 16_000
END, START = "<|endoftext|>", "<|startoftranscript|>"
LANGUAGES = ("<|en|>", "<|de|>", "<|fr|>")
TASKS = ("<|translate|>", "<|transcribe|>")
OTHERS = ("<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>")
ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
NO_LETTERS = [n for n, sign in enumerate(ALPHABET) if not (sign.isascii() and sign.isalpha())]
TIMES = tuple(f"<|{n * 0.02:.2f}|>" for n in range(1501))


def sounds() -> dict[str, np.ndarray]:
    """A short sound and one of three windows: tones that come and go, and noise."""
    random = np.random.default_rng(5)

    def tones(seconds: float) -> np.ndarray:
        time = np.arange(int(seconds * RATE)) / RATE
        sound = sum(np.sin(2 * np.pi * hz * time) * (np.sin(time * speed) > 0) for hz, speed in TONES)
        return (0.1 * sound + 0.02 * random.standard_normal(len(time))).astype(np.float32)

    return {"short": tones(7.3), "long": tones(71.9), "exact": tones(30.0), "quiet": np.zeros(RATE, np.float32)}


TONES = ((220, 3.1), (330, 1.7), (1250, 0.9), (3100, 0.4))


def tokenizer_of(folder: Path, *, multilingual: bool) -> WhisperTokenizerFast:
    """Bytes as tokens, and Whisper's special tokens in Whisper's order."""
    tokenizer = Tokenizer(models.BPE({sign: n for n, sign in enumerate(ALPHABET)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = (END, START, *(LANGUAGES if multilingual else ()), *TASKS, *OTHERS)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in special])
    tokenizer.add_tokens([AddedToken(name, special=False) for name in TIMES])
    tokenizer.save(str(folder / "tokenizer.json"))
    made = WhisperTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        unk_token=END,
        bos_token=END,
        eos_token=END,
        pad_token=END,
        additional_special_tokens=list(special),
        model_max_length=1024,
    )
    made.save_pretrained(folder)
    return made


def make(folder: Path, *, multilingual: bool, seed: int, spread: float) -> WhisperForConditionalGeneration:
    folder.mkdir(parents=True)
    ids = tokenizer_of(folder, multilingual=multilingual).convert_tokens_to_ids
    torch.manual_seed(seed)
    config = WhisperConfig(
        vocab_size=ids(TIMES[-1]) + 1,
        d_model=48,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=3,
        decoder_attention_heads=3,
        encoder_ffn_dim=96,
        decoder_ffn_dim=96,
        max_target_positions=64,
        pad_token_id=ids(END),
        bos_token_id=ids(END),
        eos_token_id=ids(END),
        decoder_start_token_id=ids(START),
        init_std=spread,
        tie_word_embeddings=False,
    )
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.proj_out.weight *= 4  # a clear lead for the likeliest token
    settings: dict[str, Any] = {
        "max_length": 48,
        "no_timestamps_token_id": ids("<|notimestamps|>"),
        "begin_suppress_tokens": [ids("<|transcribe|>"), ids(END)],
        # Letters only: half a character would read differently in other company.
        "suppress_tokens": [*NO_LETTERS, *(ids(name) for name in (START, *TASKS, *OTHERS[:3]))],
        "max_initial_timestamp_index": 50,
        "is_multilingual": multilingual,
    }
    if multilingual:
        settings["lang_to_id"] = {name: ids(name) for name in LANGUAGES}
        settings["task_to_id"] = {name.strip("<|>"): ids(name) for name in TASKS}
    model.generation_config = GenerationConfig(
        bos_token_id=ids(END),
        eos_token_id=ids(END),
        pad_token_id=ids(END),
        decoder_start_token_id=ids(START),
        **settings,
    )
    model.save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return model


def transcribe(folder: Path, sound: np.ndarray, *, timestamps: bool, **settings: str) -> dict[str, Any]:
    """What ``transformers.pipeline`` says, the segments behind it, and the smallest lead of a chosen token.

    The pipeline searches with five beams unless it is told not to; ``generate`` is greedy.
    """
    margin = Margin()
    recognise = pipeline("automatic-speech-recognition", str(folder), device="cpu")
    answer = recognise(
        sound.copy(),
        return_timestamps=timestamps,
        generate_kwargs={**settings, "num_beams": 1, "logits_processor": LogitsProcessorList([margin])},
    )
    longer = len(sound) > 30 * RATE
    features = recognise.feature_extractor(
        sound,
        sampling_rate=RATE,
        return_tensors="pt",
        **({"truncation": False, "padding": "longest"} if longer else {}),
    )
    segments = None
    if timestamps:
        generated = recognise.model.generate(
            features.input_features, return_timestamps=True, return_segments=True, **settings
        )
        segments = [
            {"start": float(item["start"]), "end": float(item["end"]), "tokens": item["tokens"].tolist()}
            for item in generated["segments"][0]
        ]
    language = None
    if recognise.model.generation_config.is_multilingual:
        detected = int(recognise.model.detect_language(features.input_features)[0])
        language = settings.get("language") or recognise.tokenizer.decode([detected]).strip("<|>")
    return {
        "text": answer["text"],
        "chunks": answer.get("chunks"),
        "segments": segments,
        "language": language,
        "margin": margin.smallest,
    }


def features_of(all_sounds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Of each sound what the extractor computes by numpy in double precision, and by torch in single."""
    found = {}
    for bands in (80, 128):
        extractor = WhisperFeatureExtractor(feature_size=bands)
        for name, sound in all_sounds.items():
            whole = np.pad(sound, (0, max(0, 30 * RATE - len(sound))))[None]
            found[f"numpy/{bands}/{name}"] = extractor._np_extract_fbank_features(whole, "cpu")[0]
            longer = {"truncation": False, "padding": "longest"} if len(sound) > 30 * RATE else {}
            by_torch = extractor(sound, sampling_rate=RATE, return_tensors="np", **longer)
            found[f"torch/{bands}/{name}"] = by_torch["input_features"][0]
    return found


CASES: tuple[dict[str, Any], ...] = (
    {"model": "english", "sound": "short", "params": {}},
    {"model": "english", "sound": "long", "params": {}},
    {"model": "english", "sound": "exact", "params": {}},
    {"model": "english", "sound": "quiet", "params": {}},
    {"model": "english", "sound": "short", "params": {"return_timestamps": False}},
    {"model": "multilingual", "sound": "short", "params": {}},
    {"model": "multilingual", "sound": "long", "params": {}},
    {"model": "multilingual", "sound": "long", "params": {"language": "fr"}},
    {"model": "multilingual", "sound": "short", "params": {"language": "de", "task": "translate"}},
    {"model": "multilingual", "sound": "short", "params": {"task": "translate", "return_timestamps": False}},
)


def main(out: Path) -> None:
    all_sounds = sounds()
    np.savez(out / "sounds.npz", **all_sounds)
    np.savez(out / "features.npz", **features_of(all_sounds))
    models_made = {
        "english": make(out / "english", multilingual=False, seed=31, spread=0.6),
        "multilingual": make(out / "multilingual", multilingual=True, seed=22, spread=0.6),
    }
    for name in models_made:
        main_export(
            str(out / name), out / name / "onnx", task="automatic-speech-recognition-with-past", do_validation=False
        )
    rows = []
    for case in CASES:
        params = dict(case["params"])
        timestamps = params.pop("return_timestamps", True)
        # English-only models refuse a task; the others need one, or they are given no token for it.
        task = {} if case["model"] == "english" else {"task": "transcribe"}
        answer = transcribe(out / case["model"], all_sounds[case["sound"]], timestamps=timestamps, **task | params)
        rows.append({**case, **answer})
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")

    soundfile.write(out / "short.wav", all_sounds["short"], RATE, subtype="FLOAT")
    request = ExportRequest(
        source=str(out / "multilingual"),
        output=str(out),
        task="automatic-speech-recognition",
        export_task="automatic-speech-recognition-with-past",
        precisions=("fp32",),
        samples=[str(out / "short.wav")],
    )
    write_reference(models_made["multilingual"], request, out / "multilingual", out, Silent())  # type: ignore[arg-type]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
