"""``uneven_seq2seq.py OUT NAME``: a seeded model with an encoder and a decoder whose channels are as uneven as those of
trained ones, as a checkpoint in OUT.

Run by the toolchain's Python. Random weights make channels of one size, which any 8 bits hold; trained ones leave a few
that are twenty times as large as the others. Here such are made without another answer of the model: what a channel is
multiplied by, the weights behind it are divided by.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers
from torch.nn import LayerNorm, Linear, Module, Parameter
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from exporters.model_files import ensure_tokenizer
from tests.toolchain_scripts import image_to_text, seq2seq_text, speech_seq2seq

# A table of so many words, 128 wide, is large enough to be quantized, and so is that of positions.
VOCABULARY = 1024
TEXT = {"vocab_size": VOCABULARY, "d_model": 128, "init_std": 0.13, "max_position_embeddings": 640}
SIZES = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 2), ("ffn_dim", 256))}
HEADS = {f"{side}_attention_heads": 4 for side in ("encoder", "decoder")}
T5 = {"vocab_size": VOCABULARY, "d_model": 128, "d_kv": 32, "d_ff": 256, "num_layers": 2, "num_heads": 4}
VIT = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 256}
VIT |= {"image_size": 48, "patch_size": 8, "initializer_range": 0.13}
FACTORS = (8.0, 12.0, 20.0, 30.0)
# Pairs of modules: the channels that the first gives are those that the second reads.
PAIRS = (
    ("v_proj", "out_proj"),
    ("v_proj", "o_proj"),
    ("v", "o"),
    ("attention.value", "output.dense"),
    ("c_attn", "c_proj"),
    ("fc1", "fc2"),
    ("wi", "wo"),
    ("wi_1", "wo"),
)

# What they normalise is a sum that goes on, normalised, to the next layer.
SUMS = ("bart", "bart-classes", "marian", "trocr")


def of_text(kind: str, model_class: str, **changes: Any) -> Callable[[Path, Path], PreTrainedModel]:
    """A model of this class with the tokenizer that the tiny one of a kind has."""

    def make(out: Path, folder: Path) -> PreTrainedModel:
        config = seq2seq_text.MODELS[kind](out, folder).config
        found: Any = getattr(transformers, model_class)
        sizes = T5 if kind == "t5" and "MT5" not in model_class and "T5" in model_class else {**TEXT, **SIZES, **HEADS}
        special = {name: getattr(config, name) for name in ("pad_token_id", "eos_token_id", "decoder_start_token_id")}
        return found(found.config_class(**{**sizes, **special, **changes}))

    return make


def of_pictures(kind: str) -> Callable[[Path, Path], PreTrainedModel]:
    def make(out: Path, folder: Path) -> PreTrainedModel:
        config = image_to_text.MODELS[kind](folder)
        image_to_text.write_tokenizer(folder)
        if kind == "donut":
            swin = {"embed_dim": 64, "depths": [2, 2], "num_heads": [2, 4], "initializer_range": 0.13}
            config.encoder = type(config.encoder)(**{**config.encoder.to_dict(), **swin})
        else:
            config.encoder = type(config.encoder)(**{**config.encoder.to_dict(), **VIT})
        width = (
            {"n_embd": 128, "initializer_range": 0.13}
            if kind == "vit-gpt2"
            else {"d_model": 128, "decoder_ffn_dim": 256, "init_std": 0.09}
        )
        more = {"cross_attention_hidden_size": 128} if kind == "trocr" else {}
        changed = {**config.decoder.to_dict(), "vocab_size": VOCABULARY, **width, **more}
        config.decoder = type(config.decoder)(**changed)
        config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 0, 1, 2
        return transformers.VisionEncoderDecoderModel(config)

    return make


def of_speech(kind: str, **changes: Any) -> Callable[[Path, Path], PreTrainedModel]:
    def make(out: Path, folder: Path) -> PreTrainedModel:
        tiny = speech_seq2seq.MODELS[kind](out, folder)
        return type(tiny)(type(tiny.config)(**{**tiny.config.to_dict(), "vocab_size": VOCABULARY, **changes}))

    return make


MODELS: dict[str, Callable[[Path, Path], PreTrainedModel]] = {
    "t5": of_text("t5", "T5ForConditionalGeneration"),
    "t5-gated": of_text("t5", "T5ForConditionalGeneration", feed_forward_proj="gated-gelu", tie_word_embeddings=False),
    "bart": of_text("bart", "BartForConditionalGeneration", init_std=0.06),
    "mbart": of_text("bart", "MBartForConditionalGeneration"),
    "m2m_100": of_text("bart", "M2M100ForConditionalGeneration"),
    "pegasus": of_text("t5", "PegasusForConditionalGeneration", activation_function="relu"),
    "marian": of_text("marian", "MarianMTModel", init_std=0.09),
    "bart-classes": of_text("bart", "BartForSequenceClassification", init_std=0.06, num_labels=3),
    "vit-gpt2": of_pictures("vit-gpt2"),
    "trocr": of_pictures("trocr"),
    "donut": of_pictures("donut"),
    "moonshine": of_speech("moonshine", hidden_size=128, intermediate_size=256, initializer_range=0.09),
    "speech_to_text": of_speech("speech_to_text", d_model=128, encoder_ffn_dim=256, decoder_ffn_dim=256, init_std=0.13),
}


def given(model: PreTrainedModel) -> dict[str, Any]:
    """Inputs that this model takes."""
    words = torch.randint(3, 200, (1, 12))
    if model.main_input_name == "pixel_values":
        size = model.config.encoder.image_size
        height, width = size if isinstance(size, (list, tuple)) else (size, size)
        return {"pixel_values": torch.randn(1, 3, height, width), "decoder_input_ids": words}
    if model.main_input_name == "input_features":
        return {"input_features": torch.randn(1, 120, 80), "decoder_input_ids": words}
    if model.main_input_name == "input_values":
        return {"input_values": torch.randn(1, 16_000), "decoder_input_ids": words}
    ids = torch.randint(3, 200, (1, 30))
    if "ForSequenceClassification" in type(model).__name__:
        ids[0, -1] = model.config.eos_token_id
        return {"input_ids": ids}
    return {"input_ids": ids, "decoder_input_ids": words}


def answer(model: PreTrainedModel, inputs: dict[str, Any]) -> list[torch.Tensor]:
    outputs = model(**inputs)
    return [outputs.logits, outputs.encoder_last_hidden_state]


def make_uneven(model: PreTrainedModel, *, sums: bool) -> int:
    """Make a few channels large wherever the model answers the same for it; returns in how many places.

    With ``sums`` also in the sums that a model normalises layer by layer, though it then answers otherwise.
    """
    inputs = given(model)
    wanted = answer(model, inputs)
    done, refused = 0, []
    for giver, readers in [*_pairs(model), *_norms(model, inputs)]:
        places = {id(item): item for item in (giver, *readers)}.values()
        kept = [{name: item.detach().clone() for name, item in place.named_parameters()} for place in places]
        _scale(giver, readers)
        same = all(
            torch.allclose(got, was, rtol=1e-3, atol=1e-3 * float(was.abs().max()))
            for got, was in zip(answer(model, inputs), wanted, strict=True)
        )
        done += same
        if not same:
            refused.append((giver, readers))
            for place, values in zip(places, kept, strict=True):
                place.load_state_dict(values)
    return done + (_make_sums_uneven(model, refused) if sums else 0)


def _make_sums_uneven(model: Module, refused: list[tuple[Module, list[Module]]]) -> int:
    """The first normalisation of a stack makes the channels large, all further ones leave them so."""
    names = {module: name for name, module in model.named_modules()}
    done = 0
    for stack in ("encoder.", "decoder."):
        norms = [item for item in refused if stack in names[item[0]] and isinstance(item[0], LayerNorm)]
        for number, (giver, readers) in enumerate(norms):
            by = torch.ones(len(giver.weight))
            by[7 :: len(by) // len(FACTORS)] = torch.tensor(FACTORS)
            giver.weight.mul_(by if number == 0 else by.square().mean().sqrt())
            for reader in readers:
                _inputs(reader).div_(by)
        done += len(norms)
    return done


def _pairs(model: Module) -> Iterator[tuple[Module, list[Module]]]:
    for _, parent in model.named_modules():
        named = dict(parent.named_modules())
        for first, second in PAIRS:
            if first in named and second in named and _is_product(named[first]) and _is_product(named[second]):
                yield named[first], [named[second]]


def _is_product(module: Module) -> bool:
    return isinstance(module, (Linear, Conv1D))


def _norms(model: PreTrainedModel, inputs: dict[str, Any]) -> list[tuple[Module, list[Module]]]:
    """Each normalisation with the products that read what it gives."""
    made: dict[int, Module] = {}
    found: dict[Module, list[Module]] = {}
    alive = []

    def gave(module: Module, _: Any, output: Any) -> None:
        alive.append(output)  # or its place in memory is another's soon
        made[output.data_ptr()] = module

    def reads(module: Module, read: tuple[Any, ...]) -> None:
        norm = made.get(read[0].data_ptr()) if read else None
        if norm is not None and module not in found.setdefault(norm, []):
            found[norm].append(module)

    hooks = []
    for module in model.modules():
        if "Norm" in type(module).__name__ and isinstance(getattr(module, "weight", None), Parameter):
            hooks.append(module.register_forward_hook(gave))
        elif _is_product(module):
            hooks.append(module.register_forward_pre_hook(reads))
    answer(model, inputs)
    for hook in hooks:
        hook.remove()
    return list(found.items())


def _scale(giver: Module, readers: list[Module]) -> None:
    """Multiply a few of the last channels that a module gives, and divide what the readers make of them."""
    width = min(_inputs(reader).shape[1] for reader in readers)
    by = torch.ones(width)
    by[torch.randperm(width)[: len(FACTORS)]] = torch.tensor(FACTORS)
    weight: Any = giver.weight
    if weight.dim() == 1:
        weight.mul_(by)
    elif isinstance(giver, Conv1D):
        weight[:, -width:].mul_(by)
    else:
        weight[-width:].mul_(by[:, None])
    bias: Any = getattr(giver, "bias", None)
    if bias is not None:
        bias[-width:].mul_(by)
    for reader in readers:
        _inputs(reader).div_(by)


def _inputs(reader: Any) -> torch.Tensor:
    """A view of a product's weight as [outputs, inputs]."""
    weight: torch.Tensor = reader.weight.data
    return weight.T if isinstance(reader, Conv1D) else weight


def main(out: Path, name: str) -> None:
    torch.manual_seed(12)
    folder = out / name
    folder.mkdir()
    model = MODELS[name](out, folder).eval().requires_grad_(False)
    (out / f"{name}.json").write_text(json.dumps({"places": make_uneven(model, sums=name in SUMS)}), "utf-8")
    if model.generation_config is not None:
        model.generation_config.max_length = 24
    model.save_pretrained(folder)
    if name in ("moonshine", "speech_to_text", "marian"):
        ensure_tokenizer(folder, folder, "automatic-speech-recognition" if name != "marian" else "translation")


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
