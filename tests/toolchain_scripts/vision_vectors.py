"""Tiny models of pictures with texts, and of pictures alone, and transformers' answers: ``vision_vectors.py FOLDER``.

    FOLDER/pictures/…
    FOLDER/models/NAME/     checkpoint, processor, tokenizer and onnx/model.onnx, by Optimum
    FOLDER/answers.json     {model: {picture: [{"candidates", "template", "answer": [{"label", "score"}]}]}}
    FOLDER/vectors.npz      "NAME/PICTURE" → what the pipeline gives, "NAME/PICTURE/pooled" where there is such
    FOLDER/clip-split/      a model whose parts are graphs of their own, and its temperature is 100

Tokenizers are trained on words of the candidates; weights are seeded, and spread so that the best label wins.
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as t
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from vision_tiny import TRANSFORMER, export, make_pictures, reset, side

CASES: list[dict[str, Any]] = [
    {"candidates": ["a cat", "two dogs", "the sea at night"], "template": "This is a photo of {}."},
    {"candidates": ["猫", "CAT!", "", "a very long label " * 3], "template": "{}"},
    {"candidates": ["one"], "template": "A drawing: {}"},
]
TEXTS = [case["template"].format(label) for case in CASES for label in case["candidates"]] * 3
MARGIN = 1e-3


def byte_pairs() -> Any:
    """As CLIP's."""
    tokenizer = Tokenizer(models.BPE(unk_token="<|endoftext|>"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["!", "<|startoftext|>", "<|endoftext|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    ends = [(token, tokenizer.token_to_id(token)) for token in special[1:]]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|startoftext|> $A <|endoftext|>", special_tokens=ends
    )
    return t.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=77,
        bos_token="<|startoftext|>",
        eos_token="<|endoftext|>",
        unk_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        model_input_names=["input_ids", "attention_mask"],
    )


def pieces() -> Any:
    """As SigLIP's: an end, and the same token again up to 64."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    trainer = trainers.UnigramTrainer(vocab_size=200, special_tokens=["</s>", "<unk>"], unk_token="<unk>")
    tokenizer.train_from_iterator(TEXTS, trainer)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", tokenizer.token_to_id("</s>"))]
    )
    return t.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=64,
        eos_token="</s>",
        pad_token="</s>",
        unk_token="<unk>",
        model_input_names=["input_ids"],
    )


def pairs() -> dict[str, tuple[Any, Any, Any]]:
    vision = {**TRANSFORMER, "image_size": 32, "patch_size": 8}
    clip, siglip = byte_pairs(), pieces()
    of_clip = TRANSFORMER | {
        **{"vocab_size": len(clip), "eos_token_id": clip.eos_token_id, "bos_token_id": clip.bos_token_id},
        **{"pad_token_id": clip.pad_token_id, "max_position_embeddings": 77},
    }
    of_siglip = TRANSFORMER | {
        **{"vocab_size": len(siglip), "max_position_embeddings": 64, "eos_token_id": 0, "pad_token_id": 0},
    }
    cut = t.CLIPImageProcessor(size={"shortest_edge": 40}, crop_size=side(32))
    return {
        "clip": (t.CLIPModel(t.CLIPConfig(vision_config=vision, text_config=of_clip, projection_dim=24)), cut, clip),
        "siglip": (
            t.SiglipModel(t.SiglipConfig(vision_config=vision, text_config=of_siglip)),
            t.SiglipImageProcessor(size=side(32)),
            siglip,
        ),
    }


def settle_pair(model: Any, scale: float, ask: Any) -> Any:
    """The first seed whose candidates are told apart."""
    for seed in range(40):
        reset(model, seed)
        with torch.no_grad():
            model.logit_scale.fill_(math.log(scale))
        answers = ask()
        if all(len(row) == 1 or row[0]["score"] - row[1]["score"] > MARGIN for row in answers):
            return answers
    raise SystemExit(f"no seed tells the candidates of {model.config.model_type} apart")


class Half(torch.nn.Module):
    def __init__(self, call: Any, model: Any) -> None:
        super().__init__()
        self.model, self.call = model, call

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.call(*inputs)


def split(model: Any, source: Path, folder: Path) -> None:
    """The two graphs that other exporters make of CLIP."""
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("onnx"))
    (folder / "onnx").mkdir()
    ids = torch.ones(2, 7, dtype=torch.int64)
    options: dict[str, Any] = {"opset_version": 17, "dynamo": False}
    torch.onnx.export(
        Half(lambda ids, mask: model.get_text_features(ids, mask), model),
        (ids, ids),
        str(folder / "onnx" / "text_model.onnx"),
        input_names=["input_ids", "attention_mask"],
        output_names=["text_embeds"],
        dynamic_axes={"input_ids": {0: "texts", 1: "tokens"}, "attention_mask": {0: "texts", 1: "tokens"}},
        **options,
    )
    torch.onnx.export(
        Half(lambda pixels: model.get_image_features(pixels), model),
        (torch.zeros(1, 3, 32, 32),),
        str(folder / "onnx" / "vision_model.onnx"),
        input_names=["pixel_values"],
        output_names=["image_embeds"],
        **options,
    )


def singles() -> dict[str, tuple[Any, Any]]:
    plain = t.ViTImageProcessor(size=side(32))
    return {
        "dinov2": (
            t.Dinov2Model(
                t.Dinov2Config(
                    **{"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "mlp_ratio": 2},
                    **{"image_size": 32, "patch_size": 8},
                )
            ),
            t.BitImageProcessor(size={"shortest_edge": 40}, crop_size=side(32)),
        ),
        "vit": (t.ViTModel(t.ViTConfig(**TRANSFORMER, image_size=32, patch_size=8)), plain),
        "resnet": (
            t.ResNetModel(t.ResNetConfig(embedding_size=8, hidden_sizes=[16, 32], depths=[1, 1])),
            t.ConvNextImageProcessor(size={"shortest_edge": 64}),
        ),
    }


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = make_pictures(folder / "pictures")
    answers: dict[str, Any] = {}
    for name, (model, processor, tokenizer) in pairs().items():
        pipe = t.pipeline("zero-shot-image-classification", model=model, image_processor=processor, tokenizer=tokenizer)

        def ask(pipe: Any = pipe) -> list[Any]:
            return [
                pipe(str(path), candidate_labels=case["candidates"], hypothesis_template=case["template"])
                for path in pictures
                for case in CASES
            ]

        found = iter(settle_pair(model, 100.0 if name == "clip" else 20.0, ask))
        answers[name] = {path.name: [case | {"answer": next(found)} for case in CASES] for path in pictures}
        export(model, [processor, tokenizer], "zero-shot-image-classification", folder / "models" / name)
        if name == "clip":
            split(model, folder / "models" / name, folder / "clip-split")
    vectors: dict[str, np.ndarray] = {}
    for name, (model, processor) in singles().items():
        reset(model, 3)
        pipe = t.pipeline("image-feature-extraction", model=model, image_processor=processor)
        export(model, [processor], "feature-extraction", folder / "models" / name)
        for path in pictures:
            vectors[f"{name}/{path.name}"] = np.array(pipe(str(path)), np.float32)
            vectors[f"{name}/{path.name}/pooled"] = np.array(pipe(str(path), pool=True), np.float32)
    (folder / "answers.json").write_text(json.dumps(answers), "utf-8")
    np.savez(folder / "vectors.npz", **vectors)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
