"""``document_answers.py OUT``: tiny seeded Donuts that are asked about pages, and what transformers' pipeline answers.

Run by the toolchain's Python. Each model has a folder as an export is; ``cases.json`` holds pages, questions and
answers that noise on the logits does not change, ``pictures`` the pages; each folder's ``reference`` is what the export
worker would record, with ``settings.json``. No small network learns to end an answer in a moment: settings force that.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
from optimum.exporters.onnx import main_export
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoImageProcessor,
    AutoModelForVision2Seq,
    AutoTokenizer,
    DonutImageProcessor,
    DonutSwinConfig,
    GenerationConfig,
    MBartConfig,
    PreTrainedTokenizerFast,
    VisionEncoderDecoderConfig,
    VisionEncoderDecoderModel,
    pipeline,
)

from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.image_to_text import MBART, NAMES, TEXT, pictures
from tests.toolchain_scripts.recording import Noise, Silent

MARKS = ["<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>"]
END = len(NAMES) + MARKS.index("</s_answer>")
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {"max_length": 34, "forced_eos_token_id": END},
    "beams": {"max_length": 32, "forced_eos_token_id": END, "num_beams": 3, "no_repeat_ngram_size": 2},
    "no end": {"max_length": 32},
}
QUESTIONS = ["What is it?", "Wo ist die Brücke?", "<b>合计</b>?"]
SIZES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "donut": (
        {"size": {"height": 64, "width": 96}, "do_align_long_axis": True},
        {"embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2], "window_size": 4, "patch_size": 4},
        {},
    ),
    "donut-upright": (
        {"size": {"height": 96, "width": 64}, "do_thumbnail": True},
        {"embed_dim": 24, "depths": [1, 2], "num_heads": [2, 4], "window_size": 2, "patch_size": 4},
        {"d_model": 48, "decoder_layers": 1},
    ),
}


def make(name: str, folder: Path) -> None:
    images, encoder, decoder = SIZES[name]
    folder.mkdir()
    torch.manual_seed(8)
    DonutImageProcessor(**images).save_pretrained(folder)
    size = [images["size"]["height"], images["size"]["width"]]
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        DonutSwinConfig(image_size=size, initializer_range=0.3, **encoder),
        MBartConfig(max_position_embeddings=160, **{**MBART, **TEXT, **decoder, "vocab_size": len(NAMES) + len(MARKS)}),
    )
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 0, 1, 2
    VisionEncoderDecoderModel(config).eval().save_pretrained(folder)
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(NAMES)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    special = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=letters, **special, additional_special_tokens=MARKS)
    tokenizer.save_pretrained(folder)


def answers(name: str, folder: Path, shown: list[Path]) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False)
    model = AutoModelForVision2Seq.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()
    own, rows = model.generation_config.to_diff_dict(), []
    for kind, given in SETTINGS.items():
        settings = {**own, **given}
        model.generation_config = GenerationConfig(**settings)
        ask = pipeline(
            "document-question-answering", model=model, tokenizer=tokenizer, image_processor=processor, device="cpu"
        )
        for path in shown:
            for question in QUESTIONS:
                answer = ask(image=str(path), question=question)[0]["answer"]
                (inputs,) = ask.preprocess({"image": str(path), "question": question})
                with torch.inference_mode():
                    noisy = ask.postprocess([ask._forward(inputs, logits_processor=[Noise(1)])])[0]["answer"]
                if noisy == answer:
                    case = {"model": name, "kind": kind, "picture": path.name, "question": question}
                    rows.append(case | {"answer": answer, "settings": settings})
    return rows


def record(folder: Path, shown: list[Path]) -> None:
    """Write what the export worker would, to ``reference`` in this folder."""
    model = AutoModelForVision2Seq.from_pretrained(folder, dtype=torch.float32).eval()
    model.generation_config.forced_eos_token_id = END
    request = ExportRequest(
        source=str(folder),
        output=str(folder),
        task="document-question-answering",
        export_task="image-to-text-with-past",
        precisions=("fp32",),
        samples=tuple({"image": str(path), "question": question} for path in shown for question in QUESTIONS),
    )
    write_reference(model, request, folder, folder, Silent())  # type: ignore[arg-type]


def main(out: Path) -> None:
    torch.set_num_threads(1)
    shown, rows = pictures(out / "pictures"), []
    pages = Path(__file__).parents[2] / "assets" / "samples" / "documents"
    shutil.copyfile(pages / "invoice.png", out / "pictures" / "invoice.png")
    shown = [path for path in (*shown, out / "pictures" / "invoice.png") if path.suffix == ".png"]
    for name in SIZES:
        folder = out / name
        make(name, folder)
        main_export(str(folder), folder / "onnx", task="image-to-text-with-past", do_validation=False)
        rows += answers(name, folder, shown)
        record(folder, shown[:2])
    given = json.loads((out / "donut" / "generation_config.json").read_text("utf-8"))
    (out / "settings.json").write_text(json.dumps(given | {"forced_eos_token_id": END}), "utf-8")
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
