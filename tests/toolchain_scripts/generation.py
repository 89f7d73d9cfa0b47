"""``generation.py OUT [SNAPSHOT]``: small language models with their graphs, and what transformers writes with them.

Run by the toolchain's Python. Without SNAPSHOT tiny seeded models of three architectures, each in a folder as an export
is; with it that checkpoint alone, as ``real``. ``cases.json`` holds prompts and what follows them; each folder's
``reference`` is what the export worker would record for them.
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
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    pipeline,
)

from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Margin, Silent

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = ("<|begin|>", "<|end|>")
VOCABULARY = len(ALPHABET) + len(SPECIAL)
BEGIN, END = range(len(ALPHABET), VOCABULARY)
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.5}
PROMPTS = ("The sea was", "Grüße aus Zürich", "x")
NEW_TOKENS = 24


def tiny(kind: str, seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    if kind == "llama":
        return LlamaForCausalLM(LlamaConfig(**SMALL, **HEADS))
    if kind == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**SMALL, **HEADS))
    sizes = {"n_positions": 64, "n_embd": 48, "n_layer": 2, "n_head": 4, "initializer_range": 0.5}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes))


# The end tokens of the second are a list, one of them a letter, and the third is told not to repeat itself.
SETTINGS: dict[str, dict[str, Any]] = {
    "llama": {"eos_token_id": END},
    "gpt2": {"eos_token_id": [END, ALPHABET.index("z")]},
    "qwen2": {"eos_token_id": END, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
}
SEEDS = {"llama": 5, "gpt2": 2, "qwen2": 3}


def make(kind: str, folder: Path) -> None:
    folder.mkdir()
    model = tiny(kind, SEEDS[kind]).eval()
    model.generation_config = GenerationConfig(bos_token_id=BEGIN, pad_token_id=END, **SETTINGS[kind])
    model.config.bos_token_id, model.config.eos_token_id = BEGIN, END
    model.save_pretrained(folder)
    save_letters(folder)


def save_letters(folder: Path) -> None:
    """A tokenizer with a token for each byte, a beginning and an end."""
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(ALPHABET)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    letters.add_special_tokens(list(SPECIAL))
    PreTrainedTokenizerFast(
        tokenizer_object=letters,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[1],
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def answers(name: str, folder: Path, new_tokens: int, prompts: tuple[str, ...]) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    write = pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
    rows = []
    for prompt in prompts:
        margin = Margin()
        (answer,) = write(
            prompt,
            max_new_tokens=new_tokens,
            do_sample=False,
            return_full_text=False,
            logits_processor=LogitsProcessorList([margin]),
        )
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        tokens = model.generate(ids, max_new_tokens=new_tokens, do_sample=False)[0, ids.shape[1] :]
        rows.append(
            {
                "model": name,
                "prompt": prompt,
                "max_new_tokens": new_tokens,
                "text": answer["generated_text"],
                "token_ids": tokens.tolist(),
                "margin": margin.smallest,
            }
        )
    return rows


def record(folder: Path, prompts: tuple[str, ...]) -> None:
    """Write what the export worker would, to ``reference`` in this folder."""
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    request = ExportRequest(
        source=str(folder),
        output=str(folder),
        task="text-generation",
        export_task="text-generation-with-past",
        precisions=("fp32",),
        samples=prompts,
    )
    write_reference(model, request, folder, folder, Silent())  # type: ignore[arg-type]


def main(out: Path, *snapshots: Path) -> None:
    if snapshots:
        shutil.copytree(snapshots[0], out / "real")
        names, new_tokens, prompts = ["real"], 32, ("The capital of France is", "Once upon a time 🐉")
    else:
        names, new_tokens, prompts = list(SETTINGS), NEW_TOKENS, PROMPTS
        for name in names:
            make(name, out / name)
    rows: list[dict[str, Any]] = []
    for name in names:
        folder = out / name
        main_export(str(folder), folder / "onnx", task="text-generation-with-past", do_validation=False)
        rows += answers(name, folder, new_tokens, prompts)
        record(folder, prompts)
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
