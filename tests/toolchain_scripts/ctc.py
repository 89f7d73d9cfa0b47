"""``ctc.py OUT``: tiny models with a CTC head, their graphs, and what transformers' pipeline writes down of sounds.

Run by the toolchain's Python. Writes, below OUT: ``sounds.npz`` (float32 [n] at 16 kHz), ``NAME`` (each a folder as an
export is), ``cases.json`` (transcripts), ``tokens.json`` (what the tokenizer makes of made-up steps).
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
from transformers import Wav2Vec2CTCTokenizer, pipeline

from tests.toolchain_scripts.tiny_sound import RATE, WAVE, extractor_of, sounds, with_margin

transformers.logging.set_verbosity_error()
LETTERS = "|ETAONIHSRDLUMWCFGYPBVK'"
BERT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
MODELS: dict[str, tuple[Any, Any, dict[str, Any]]] = {
    "wav2vec2": (transformers.Wav2Vec2Config, transformers.Wav2Vec2ForCTC, WAVE),
    "hubert": (transformers.HubertConfig, transformers.HubertForCTC, WAVE | {"feat_extract_norm": "layer"}),
    "wavlm": (transformers.WavLMConfig, transformers.WavLMForCTC, WAVE),
    "sew": (transformers.SEWConfig, transformers.SEWForCTC, WAVE | {"conv_dim": (24,) * 13, "squeeze_factor": 2}),
    "wav2vec2-bert": (
        transformers.Wav2Vec2BertConfig,
        transformers.Wav2Vec2BertForCTC,
        BERT | {"left_max_position_embeddings": 8, "right_max_position_embeddings": 4, "mask_time_prob": 0.0},
    ),
}
# How the tokenizers differ.
TOKENIZERS: dict[str, dict[str, Any]] = {
    "wav2vec2": {},
    "hubert": {"do_lower_case": True},
    "wavlm": {"pad_token": "[PAD]", "unk_token": "[UNK]", "clean_up_tokenization_spaces": True},
    "sew": {"target_lang": "eng"},
    "wav2vec2-bert": {"word_delimiter_token": " ", "replace_word_delimiter_char": "_"},
}


def tokenizer_of(name: str, folder: Path) -> Wav2Vec2CTCTokenizer:
    settings = TOKENIZERS[name]
    blank, unknown = settings.get("pad_token", "<pad>"), settings.get("unk_token", "<unk>")
    letters = LETTERS.replace("|", settings.get("word_delimiter_token", "|"))
    # Here the start and end tokens are missing, and are added behind the others.
    first = [blank, unknown] if name == "wavlm" else [blank, "<s>", "</s>", unknown]
    vocabulary: dict[str, Any] = {token: n for n, token in enumerate([*first, *letters])}
    if "target_lang" in settings:
        vocabulary = {"deu": {"<pad>": 0, "ß": 1}, settings["target_lang"]: vocabulary}
    folder.mkdir(parents=True)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    made = Wav2Vec2CTCTokenizer(str(folder / "vocab.json"), **settings)
    made.save_pretrained(folder)
    return made


def make(name: str, folder: Path, heard: dict[str, np.ndarray]) -> None:
    config_class, model_class, settings = MODELS[name]
    tokenizer, extractor = tokenizer_of(name, folder), extractor_of(name)

    def build(seed: int) -> Any:
        torch.manual_seed(seed)
        config = config_class(**settings, vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id)
        return model_class(config).eval()

    def logits(model: Any) -> list[torch.Tensor]:
        return [
            model(**extractor(sound, sampling_rate=RATE, return_tensors="pt")).logits[0] for sound in heard.values()
        ]

    def sharpen(model: Any) -> None:
        found = torch.cat(logits(model))
        model.lm_head.bias -= found.mean(0)
        # Steps that are nearly alike would be told apart by rounding: wide steps in what the head sees, and a lean to
        # the blank as trained models have it.
        scale = 4 / (found - found.mean(0)).std()
        model.lm_head.weight *= scale
        model.lm_head.bias *= scale
        model.lm_head.bias[tokenizer.pad_token_id] += 3

    model = with_margin(build, sharpen, lambda model: torch.cat(logits(model)), margin=1e-3)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    if name == "wav2vec2-bert":
        export_bert(model, extractor, folder / "onnx")
    else:
        main_export(str(folder), folder / "onnx", task="automatic-speech-recognition", do_validation=False)


def export_bert(model: Any, extractor: Any, folder: Path) -> None:
    """Optimum does not know this kind; others' repositories have its graph with these inputs."""
    folder.mkdir()
    given = extractor(np.zeros(8000, np.float32), sampling_rate=RATE, return_tensors="pt")
    axes = {"input_features": {0: "batch", 1: "frames"}, "attention_mask": {0: "batch", 1: "frames"}}
    torch.onnx.export(
        model,
        (given["input_features"], given["attention_mask"]),
        str(folder / "model.onnx"),
        input_names=list(axes),
        output_names=["logits"],
        dynamic_axes={**axes, "logits": {0: "batch", 1: "frames"}},
        opset_version=17,
        dynamo=False,
    )


def steps_read(name: str, folder: Path) -> list[dict[str, Any]]:
    """Made-up steps and what the tokenizer makes of them: repeats, blanks, special and unknown tokens, spaces."""
    tokenizer = Wav2Vec2CTCTokenizer.from_pretrained(folder)
    random = np.random.default_rng(3)
    size = len(tokenizer)
    rows = []
    for length in (0, 1, 2, 7, 50, 300):
        for most in (2, 6, size, size + 3):
            ids = np.repeat(random.integers(0, most, length), random.integers(1, 4, length)).tolist()
            found = tokenizer.decode(ids, output_char_offsets=True)
            words = tokenizer._get_word_offsets(found.char_offsets, tokenizer.replace_word_delimiter_char)
            letters = offsets(found.char_offsets, "char")
            rows.append({"ids": ids, "text": found.text, "letters": letters, "words": offsets(words, "word")})
    return rows


def offsets(items: list[dict[str, Any]], key: str) -> list[list[Any]]:
    return [[item[key], int(item["start_offset"]), int(item["end_offset"])] for item in items]


def main(out: Path) -> None:
    heard = sounds()
    long = np.concatenate([heard["bursts"], heard["sweep"], heard["noise"], heard["clicks"]] * 2)
    np.savez(out / "sounds.npz", long=long, **heard)
    cases, tokens = [], {}
    for name in MODELS:
        make(name, out / name, heard)
        tokens[name] = steps_read(name, out / name)
        recognise = pipeline("automatic-speech-recognition", str(out / name), device="cpu")
        for sound, samples in heard.items():
            for times in (False, "word", "char"):
                settings = {"return_timestamps": times} if times else {}
                cases.append({"model": name, "sound": sound, "params": {"return_timestamps": times}})
                cases[-1]["answer"] = recognise(samples.copy(), **settings)
        for chunk_s in (2.0, 6.0, 30.0):
            params = {"return_timestamps": "word", "chunk_length_s": chunk_s}
            cases.append({"model": name, "sound": "long", "params": params})
            cases[-1]["answer"] = recognise(long.copy(), **params)
    (out / "cases.json").write_text(json.dumps(cases), "utf-8")
    (out / "tokens.json").write_text(json.dumps(tokens), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
