"""``generation.py OUT COUNT TOKENS [SNAPSHOT]``: small language models and their graphs, and what transformers writes.

Run by the toolchain's Python. Without SNAPSHOT tiny seeded models of several architectures, each in a folder as an
export is; with it that checkpoint alone, as ``real``. ``cases.json`` holds COUNT prompts for each and the TOKENS
that follow them; each folder's ``reference`` is what the export worker would record for the first ones. Prompts where a
token won by less than a margin are passed over: there rounding could decide.
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
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GenerationConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LogitsProcessorList,
    Phi3Config,
    Phi3ForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
    pipeline,
)
from transformers.pipelines.text_generation import ReturnType

from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Margin, Silent

ALPHABET = sorted(pre_tokenizers.ByteLevel.alphabet())
SPECIAL = ("<|begin|>", "<|end|>")
VOCABULARY = len(ALPHABET) + len(SPECIAL)
BEGIN, END = range(len(ALPHABET), VOCABULARY)
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 48, "intermediate_size": 96, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 256, "initializer_range": 0.5}
PROMPTS = (
    "The sea was",
    "Grüße aus Zürich",
    "x",
    "It was the best of times, it was the worst of times,",
    "def add(a, b):",
    "1 2 3 4 5 6",
    "Dear reader",
    "日本語の文",
    "Once upon a time 🐉",
    "aaaa bbbb aaaa bbbb",
    "The capital of France is",
    "What is a model?",
    "Salt, pepper and",
    "Ludwig van",
    "In the year 1900 there were",
    "To be, or not",
    '{"name": "',
    "The quick brown fox",
    "Rain fell on the",
    "She said that",
)
MARGIN = 1e-3
# What gemma3 reads at once in three of four layers: less than a prompt with its answer.
WINDOW = 32
CLASSES = {
    "llama": (LlamaConfig, LlamaForCausalLM, {}),
    "qwen2": (Qwen2Config, Qwen2ForCausalLM, {}),
    "qwen3": (Qwen3Config, Qwen3ForCausalLM, {"head_dim": 16}),
    "gemma3": (
        Gemma3TextConfig,
        Gemma3ForCausalLM,
        {
            "head_dim": 16,
            "sliding_window": WINDOW,
            "tie_word_embeddings": False,  # or it says the same token again and again
            "num_hidden_layers": 4,
            "layer_types": ["sliding_attention"] * 3 + ["full_attention"],
            "pad_token_id": END,
        },
    ),
    "phi3": (Phi3Config, Phi3ForCausalLM, {"pad_token_id": END}),
    "smollm3": (SmolLM3Config, SmolLM3ForCausalLM, {"pad_token_id": END, "no_rope_layers": [1, 0]}),
}


def tiny(kind: str, seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    if kind in CLASSES:
        config, model, more = CLASSES[kind]
        return model(config(**{**SMALL, **HEADS, **more}))
    sizes = {"n_positions": 256, "n_embd": 48, "n_layer": 2, "n_head": 4, "initializer_range": 0.5}
    return GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **sizes))


# The end tokens of the second are a list, one of them a letter, and the third is told not to repeat itself.
SETTINGS: dict[str, dict[str, Any]] = {
    "llama": {"eos_token_id": END},
    "gpt2": {"eos_token_id": [END, ALPHABET.index("z")]},
    "qwen2": {"eos_token_id": END, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
    "qwen3": {"eos_token_id": END},
    "gemma3": {"eos_token_id": END},
    "phi3": {"eos_token_id": END},
    "smollm3": {"eos_token_id": END},
}
SEEDS = {"llama": 5, "gpt2": 2, "qwen2": 3, "qwen3": 4, "gemma3": 6, "phi3": 7, "smollm3": 8}


def make(kind: str, folder: Path) -> None:
    folder.mkdir()
    model = tiny(kind, SEEDS[kind]).eval()
    model.generation_config = GenerationConfig(bos_token_id=BEGIN, pad_token_id=END, **SETTINGS[kind])
    model.config.bos_token_id, model.config.eos_token_id = BEGIN, END
    model.save_pretrained(folder)
    save_letters(folder, begins=kind == "gemma3")


def save_letters(folder: Path, *, begins: bool = False) -> None:
    """A tokenizer with a token for each byte, a beginning and an end; with ``begins`` it opens every text itself."""
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(ALPHABET)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    letters.add_special_tokens(list(SPECIAL))
    if begins:
        letters.post_processor = processors.TemplateProcessing(
            single=f"{SPECIAL[0]} $A", special_tokens=[(SPECIAL[0], BEGIN)]
        )
    PreTrainedTokenizerFast(
        tokenizer_object=letters,
        bos_token=SPECIAL[0],
        eos_token=SPECIAL[1],
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(folder)


def answers(
    name: str,
    folder: Path,
    prompts: tuple[str, ...] = PROMPTS,
    *,
    count: int,
    new_tokens: int,
    least_margin: float = MARGIN,
) -> list[dict[str, Any]]:
    """What follows the first ``count`` of the prompts at which each token wins by more than the margin."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    write = pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
    rows: list[dict[str, Any]] = []
    for prompt in prompts:
        if len(rows) == count:
            break
        margin = Margin()
        # The steps of the pipeline one by one: it tells tokens or text, and both are wanted of one answer.
        asked = {"max_new_tokens": new_tokens, "do_sample": False, "logits_processor": LogitsProcessorList([margin])}
        outputs = write.forward(write.preprocess(prompt), **asked)
        if margin.smallest <= least_margin:
            continue
        tokens = outputs["generated_sequence"][0, 0, outputs["input_ids"].shape[1] :]
        # By itself the pipeline takes spaces before punctuation away, whatever the tokenizer's settings say.
        own = {"clean_up_tokenization_spaces": tokenizer.clean_up_tokenization_spaces}
        (answer,) = write.postprocess(outputs, return_type=ReturnType.NEW_TEXT, **own)
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


def main(out: Path, count: int, new_tokens: int, *snapshots: Path) -> None:
    if snapshots:
        shutil.copytree(snapshots[0], out / "real")
        names = ["real"]
    else:
        names = list(SETTINGS)
        for name in names:
            make(name, out / name)
    rows: list[dict[str, Any]] = []
    for name in names:
        folder = out / name
        main_export(str(folder), folder / "onnx", task="text-generation-with-past", do_validation=False)
        rows += answers(name, folder, count=count, new_tokens=new_tokens)
        record(folder, PROMPTS[:3])
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *map(Path, sys.argv[4:]))
