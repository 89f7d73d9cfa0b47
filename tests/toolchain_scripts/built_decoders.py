"""``built_decoders.py OUT [NAME …]``: tiny seeded checkpoints, and what transformers writes with them.

They are of architectures whose graphs the builder makes, and of one that it does not know: each in a folder of its
name, all texts in ``cases.json``.

Run by the toolchain's Python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers
from transformers import GenerationConfig, PreTrainedModel

from tests.toolchain_scripts.generation import BEGIN, END, VOCABULARY, answers, save_letters

SMALL: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 128,
    "initializer_range": 0.25,
    "bos_token_id": BEGIN,
    "eos_token_id": END,
    "pad_token_id": END,
}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
WINDOW = 8  # shorter than the first prompts
UNTIED = {"tie_word_embeddings": False}  # else these repeat the last token for ever, whatever their layers say
# Name of the folder → transformers' class without its ending, and what its config has besides SMALL.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama-tied-scaled": (
        "Llama",
        {"tie_word_embeddings": True, "rope_scaling": LLAMA3, "attention_bias": True, "mlp_bias": True},
    ),
    "llama-linear": ("Llama", {"rope_scaling": {"rope_type": "linear", "factor": 2.0}}),
    "llama-narrow": ("Llama", {"hidden_size": 48}),
    "mistral": ("Mistral", {"sliding_window": WINDOW, "head_dim": 16}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen3": ("Qwen3", {"head_dim": 32, "tie_word_embeddings": True}),
    "gemma": ("Gemma", {"head_dim": 16}),
    "gemma3": (
        "Gemma3",
        {"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": WINDOW, "num_hidden_layers": 7, **UNTIED},
    ),
    "phi3": ("Phi3", {"original_max_position_embeddings": 128}),
    "smollm3": ("SmolLM3", {"num_hidden_layers": 4, "no_rope_layer_interval": 4}),
    "granite": ("Granite", {"embedding_multiplier": 3.0, "residual_multiplier": 0.7, "logits_scaling": 2.0}),
    "gpt2": ("GPT2", {}),
}
PROMPTS = ("The sea was calm that day, and", "Grüße aus Zürich")
NEW_TOKENS = 20
LEAD = 2e-3  # of every token that is chosen; graphs differ from torch by some 1e-5


def tiny(kind: str, changes: dict[str, Any]) -> PreTrainedModel:
    named = f"{kind}{'Text' if kind == 'Gemma3' else ''}Config"
    config = getattr(transformers, named)(**(SMALL | changes))
    return getattr(transformers, f"{kind}{'LMHeadModel' if kind == 'GPT2' else 'ForCausalLM'}")(config)


def make(name: str, folder: Path, seed: int) -> list[dict[str, Any]]:
    """Save one checkpoint; returns what it writes."""
    torch.manual_seed(seed)
    kind, changes = KINDS[name]
    model = tiny(kind, changes).eval()
    for weight in model.parameters():
        if weight.dim() == 1:  # norms of ones and biases of zeros would hide mistakes
            torch.nn.init.normal_(weight, mean=float(weight.detach().mean()), std=0.1)
    model.generation_config = GenerationConfig(bos_token_id=BEGIN, eos_token_id=END, pad_token_id=END)
    model.save_pretrained(folder)
    save_letters(folder)
    return answers(name, folder, PROMPTS, count=len(PROMPTS), new_tokens=NEW_TOKENS, least_margin=LEAD)


def main(out: Path, *names: str) -> None:
    rows: list[dict[str, Any]] = []
    for name in names or KINDS:
        found = (make(name, out / name, seed) for seed in range(100))
        rows += next(made for made in found if len(made) == len(PROMPTS))
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
