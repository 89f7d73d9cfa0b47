"""``image_to_text.py OUT``: tiny seeded models that write down pictures, and what transformers' pipeline writes.

Run by the toolchain's Python. Each model has a folder as an export is; ``cases.json`` holds pictures and answers that
noise on the logits does not change, ``pictures`` the pictures; each folder's ``reference`` is what the export worker
would record.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
from optimum.exporters.onnx import main_export
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoImageProcessor,
    AutoModelForVision2Seq,
    AutoTokenizer,
    DeiTConfig,
    DonutImageProcessor,
    DonutSwinConfig,
    GenerationConfig,
    GPT2Config,
    MBartConfig,
    PreTrainedTokenizerFast,
    TrOCRConfig,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    ViTConfig,
    ViTImageProcessor,
    pipeline,
)

from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Noise, Silent

ROOT = Path(__file__).parents[2]
SIGNS = sorted(pre_tokenizers.ByteLevel.alphabet())
NAMES = ["<s>", "<pad>", "</s>", "<unk>", *SIGNS]
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"max_length": 12},
    "beams": {"max_length": 14, "num_beams": 4, "early_stopping": True, "no_repeat_ngram_size": 2},
    "penalty": {"max_length": 12, "num_beams": 2, "length_penalty": 2.0, "repetition_penalty": 1.5},
}
TEXT = {"vocab_size": len(NAMES), "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}
MBART = {"d_model": 32, "decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 48, "init_std": 0.3}
MBART |= {"encoder_attention_heads": 4}
VIT = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
VIT |= {"image_size": 48, "patch_size": 16, "initializer_range": 0.3}


def pictures(folder: Path) -> list[Path]:
    folder.mkdir()
    random = np.random.default_rng(3)
    for name, size in {"wide": (90, 300, 3), "high": (120, 40, 3), "square": (64, 64, 3), "grey": (50, 70)}.items():
        Image.fromarray(random.integers(0, 255, size, np.uint8)).save(folder / f"{name}.png")
    for path in sorted((ROOT / "assets" / "samples" / "pictures").glob("*.jpg"))[:3]:
        shutil.copyfile(path, folder / path.name)
    return sorted(folder.iterdir())


def vit_gpt2(folder: Path) -> VisionEncoderDecoderConfig:
    ViTImageProcessor(size={"height": 48, "width": 48}).save_pretrained(folder)
    decoder = GPT2Config(n_positions=64, n_embd=32, n_layer=2, n_head=4, initializer_range=0.4, **TEXT)
    return VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(**VIT), decoder)


def trocr(folder: Path) -> VisionEncoderDecoderConfig:
    ViTImageProcessor(size={"height": 48, "width": 48}, resample=2).save_pretrained(folder)
    decoder = TrOCRConfig(max_position_embeddings=64, cross_attention_hidden_size=32, **MBART, **TEXT)
    return VisionEncoderDecoderConfig.from_encoder_decoder_configs(DeiTConfig(**VIT), decoder)


def donut(folder: Path) -> VisionEncoderDecoderConfig:
    DonutImageProcessor(size={"height": 64, "width": 96}, do_align_long_axis=True).save_pretrained(folder)
    sizes = {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4}
    encoder = DonutSwinConfig(image_size=[64, 96], initializer_range=0.3, **sizes)
    decoder = MBartConfig(max_position_embeddings=64, **MBART, **TEXT)
    return VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)


MODELS = {"vit-gpt2": vit_gpt2, "trocr": trocr, "donut": donut}


def make(name: str, folder: Path) -> None:
    folder.mkdir()
    torch.manual_seed(8)
    config = MODELS[name](folder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 0, 1, 2
    VisionEncoderDecoderModel(config).eval().save_pretrained(folder)
    write_tokenizer(folder)


def write_tokenizer(folder: Path) -> None:
    """One that knows single signs."""
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(NAMES)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    PreTrainedTokenizerFast(tokenizer_object=letters, **special).save_pretrained(folder)


def answers(name: str, folder: Path, shown: list[Path]) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    model = AutoModelForVision2Seq.from_pretrained(folder, dtype=torch.float32).eval()
    own, rows = model.generation_config.to_diff_dict(), []
    for kind, given in SETTINGS.items():
        settings = {**own, **given}
        model.generation_config = GenerationConfig(**settings)
        write = pipeline("image-to-text", model=model, tokenizer=tokenizer, image_processor=processor, device="cpu")
        for path in shown:
            answer = write(str(path))[0]["generated_text"]
            noisy = write(str(path), generate_kwargs={"logits_processor": [Noise(1)]})[0]["generated_text"]
            if noisy == answer:
                row = {"model": name, "kind": kind, "picture": path.name, "answer": answer, "settings": settings}
                rows.append(row)
    return rows


def record(folder: Path, shown: list[Path]) -> None:
    """Write what the export worker would, to ``reference`` in this folder."""
    model = AutoModelForVision2Seq.from_pretrained(folder, dtype=torch.float32).eval()
    request = ExportRequest(
        source=str(folder),
        output=str(folder),
        task="image-to-text",
        export_task="image-to-text-with-past",
        precisions=("fp32",),
        samples=tuple(map(str, shown)),
    )
    write_reference(model, request, folder, folder, Silent())  # type: ignore[arg-type]


def main(out: Path) -> None:
    shown, rows = pictures(out / "pictures"), []
    for name in MODELS:
        folder = out / name
        make(name, folder)
        main_export(str(folder), folder / "onnx", task="image-to-text-with-past", do_validation=False)
        rows += answers(name, folder, shown)
        record(folder, shown[:2])
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
