"""``speech_seq2seq.py OUT``: tiny seeded speech models with an encoder and a decoder, and what transformers' pipeline
writes down with them.

Run by the toolchain's Python. ``cases.json`` holds sounds and answers that noise on the logits does not change,
``sounds.npz`` the sounds, float32 at 16 kHz; each folder's ``reference`` is what the export worker would record.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import sentencepiece
import soundfile
import torch
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoFeatureExtractor,
    AutoModelForSpeechSeq2Seq,
    AutoTokenizer,
    GenerationConfig,
    MoonshineConfig,
    MoonshineForConditionalGeneration,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Speech2TextConfig,
    Speech2TextFeatureExtractor,
    Speech2TextForConditionalGeneration,
    Speech2TextTokenizer,
    Wav2Vec2FeatureExtractor,
    pipeline,
)

from exporters.model_files import ensure_tokenizer
from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Noise, Silent

RATE = 16_000
ROOT = Path(__file__).parents[2]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"max_length": 14},
    "greedy": {"max_length": 18},
    "fewer": {"max_length": 12, "length_penalty": 0.3, "early_stopping": True, "no_repeat_ngram_size": 2},
}


def sounds() -> dict[str, np.ndarray]:
    random = np.random.default_rng(4)
    times = np.arange(2 * RATE) / RATE
    made = {
        "noise": random.normal(0, 0.1, RATE).astype(np.float32),
        "tone": (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32),
        "chirp": (0.3 * np.sin(2 * np.pi * (200 + 400 * times) * times)).astype(np.float32),
    }
    for path in sorted((ROOT / "assets" / "samples" / "speech").glob("*.flac"))[:3]:
        samples, rate = soundfile.read(path, dtype="float32")
        assert rate == RATE
        made[path.stem] = samples[: 5 * RATE]
    return made


def moonshine(out: Path, folder: Path) -> PreTrainedModel:
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    names = ["<unk>", "<s>", "</s>", *signs]
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(names)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    special = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "</s>"}
    PreTrainedTokenizerFast(tokenizer_object=letters, **special).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=False, return_attention_mask=True).save_pretrained(folder)
    sizes = {"hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 64, "initializer_range": 0.4}
    layers = {"encoder_num_hidden_layers": 2, "decoder_num_hidden_layers": 2}
    heads = {"encoder_num_attention_heads": 4, "decoder_num_attention_heads": 4}
    return MoonshineForConditionalGeneration(MoonshineConfig(vocab_size=len(names), **sizes, **layers, **heads))


def speech_to_text(out: Path, folder: Path) -> PreTrainedModel:
    texts = json.loads((ROOT / "assets" / "samples" / "texts.json").read_text("utf-8"))["sentences"]
    (out / "corpus.txt").write_text("\n".join(text for text in texts if text.isascii()), "utf-8")
    ids = {"bos_id": 0, "pad_id": 1, "eos_id": 2, "unk_id": 3}
    sentencepiece.SentencePieceTrainer.train(
        input=str(out / "corpus.txt"), model_prefix=str(out / "s2t"), vocab_size=120, minloglevel=2, **ids
    )
    model = sentencepiece.SentencePieceProcessor(model_file=str(out / "s2t.model"))
    names = ["<s>", "<pad>", "</s>", "<unk>", *(model.id_to_piece(n) for n in range(4, model.get_piece_size()))]
    (out / "s2t.json").write_text(json.dumps({name: n for n, name in enumerate(names)}), "utf-8")
    Speech2TextTokenizer(str(out / "s2t.json"), str(out / "s2t.model")).save_pretrained(folder)
    Speech2TextFeatureExtractor().save_pretrained(folder)
    sizes = {"d_model": 32, "conv_channels": 32, "init_std": 0.3, "max_target_positions": 64}
    layers = {"encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48}
    return Speech2TextForConditionalGeneration(Speech2TextConfig(vocab_size=len(names), **sizes, **layers))


MODELS = {"moonshine": moonshine, "speech_to_text": speech_to_text}


def make(name: str, out: Path, folder: Path) -> None:
    folder.mkdir()
    torch.manual_seed(6)
    model = MODELS[name](out, folder).eval()
    model.generation_config.max_length = 24
    model.save_pretrained(folder)
    ensure_tokenizer(folder, folder, "automatic-speech-recognition")


def answers(name: str, folder: Path, heard: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    extractor = AutoFeatureExtractor.from_pretrained(folder)
    model = AutoModelForSpeechSeq2Seq.from_pretrained(folder, dtype=torch.float32).eval()
    own, rows = model.generation_config.to_diff_dict(), []
    for kind, given in SETTINGS.items():
        settings = {**own, **given}
        model.generation_config = GenerationConfig(**settings)
        write = pipeline(
            "automatic-speech-recognition", model=model, tokenizer=tokenizer, feature_extractor=extractor, device="cpu"
        )
        beams = {"num_beams": 1} if kind == "greedy" else {}
        for sound, samples in heard.items():
            answer = write(samples.copy(), generate_kwargs=beams)["text"]
            noisy = write(samples.copy(), generate_kwargs=beams | {"logits_processor": [Noise(1)]})["text"]
            if noisy == answer:
                row = {"model": name, "kind": kind, "sound": sound, "answer": answer, "settings": settings}
                rows.append(row | {"params": beams})
    return rows


def record(folder: Path) -> None:
    """Write what the export worker would, to ``reference`` in this folder."""
    model = AutoModelForSpeechSeq2Seq.from_pretrained(folder, dtype=torch.float32).eval()
    request = ExportRequest(
        source=str(folder),
        output=str(folder),
        task="automatic-speech-recognition",
        export_task="automatic-speech-recognition-with-past",
        precisions=("fp32",),
        samples=tuple(map(str, sorted((ROOT / "assets" / "samples" / "speech").glob("*.flac"))[:2])),
    )
    write_reference(model, request, folder, folder, Silent())  # type: ignore[arg-type]


def main(out: Path) -> None:
    heard, rows = sounds(), []
    for name in MODELS:
        folder = out / name
        make(name, out, folder)
        main_export(str(folder), folder / "onnx", task="automatic-speech-recognition-with-past", do_validation=False)
        rows += answers(name, folder, heard)
        record(folder)
    np.savez(out / "sounds.npz", **heard)
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
