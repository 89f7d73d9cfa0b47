"""``eight_bits.py OUT``: which parts of tiny seeded decoders keep 8 bits, when all others lose nothing in 4.

For each kind a row in ``found.json``: what the manifest would tell, which weights were others afterwards, losses by
the meter beside those of runs of the whole model, and what is told where those differ, where a run takes long, where
layers are alike, and where no block is full. ``experts`` has what layers are where each has as many experts.

Run by the toolchain's Python.
"""

from __future__ import annotations

import copy
import json
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers

from exporters import layerwise, sensitivity
from exporters.blocks import BlockSettings

SIZES = {"vocab_size": 96, "initializer_range": 0.25}
LLAMA = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 3, "num_attention_heads": 4}
# Kind → class, config, and the matrix that 4 bits cannot say, by its layer and name in it.
KINDS: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "llama": ("Llama", LLAMA | {"num_key_value_heads": 2}, (1, "mlp.down_proj")),
    "qwen2": ("Qwen2", LLAMA | {"num_key_value_heads": 2, "tie_word_embeddings": True}, (2, "self_attn.o_proj")),
    "phi3": ("Phi3", LLAMA | {"pad_token_id": 0}, (0, "mlp.gate_up_proj")),
    "gpt2": ("GPT2", {"n_embd": 64, "n_layer": 3, "n_head": 4}, (1, "attn.c_proj")),
    # Attention and feed-forward part read the same input here.
    "gpt_neox": ("GPTNeoX", LLAMA | {"use_parallel_residual": True}, (2, "mlp.dense_4h_to_h")),
    "phi": ("Phi", LLAMA, (1, "mlp.fc1")),
    "opt": ("OPT", LLAMA | {"ffn_dim": 96, "word_embed_proj_dim": 64, "pad_token_id": 0}, (1, "fc2")),
    "bloom": ("Bloom", {"hidden_size": 64, "n_layer": 3, "n_head": 4}, (0, "mlp.dense_h_to_4h")),
}
SETTINGS = BlockSettings(4, 8, 8, 32, 64, 4)
SEARCH = {"share": 0.12, "seconds": 60.0}
LONG = torch.randint(0, SIZES["vocab_size"], (8, 128), generator=torch.Generator().manual_seed(4))


def tiny(name: str) -> Any:
    torch.manual_seed(3)
    kind, config, _ = KINDS[name]
    ending = "LMHeadModel" if kind == "GPT2" else "ForCausalLM"
    return getattr(transformers, f"{kind}{ending}")(getattr(transformers, f"{kind}Config")(**SIZES | config)).eval()


def ready(model: Any, layer: int, name: str) -> None:
    """Have all matrices be what 4 bits can say, but for one."""
    generator = torch.Generator().manual_seed(2)
    layers = layerwise.layers_of(model)
    matrices = [(number, key, item) for number, one in enumerate(layers) for key, item in _matrices(one)]
    for number, key, module in [*matrices, (None, "", layerwise._head_of(model))]:
        if (number, key) == (layer, name):
            continue
        turned = module.weight if isinstance(module, torch.nn.Linear) else module.weight.T
        codes = torch.randint(-8, 8, turned.shape, generator=generator).float()
        codes[:, :: SETTINGS.block_size] = -8.0
        turned.copy_(codes / 32)


def _matrices(layer: Any) -> Any:
    return layerwise._matrices_of(layer).items()


def lost(model: Any, clean: Any, tokens: Any) -> float:
    """Nats a token, the whole model being run."""
    given = torch.log_softmax(model(tokens).logits, -1)
    return float((clean.exp() * (clean - given)).sum(-1).mean())


def measured(model: Any, tokens: Any) -> list[tuple[float, float]]:
    """What is lost with the matrices of each layer larger, and what the head sees: as the meter has it, and by runs of
    the whole model."""
    layers, head = layerwise.layers_of(model), layerwise._head_of(model)
    meter, found = sensitivity.Meter(model, layers, tokens, 60.0), []
    clean = torch.log_softmax(model(tokens).logits, -1)
    for number, layer in enumerate(layers):
        made = [module for _, module in _matrices(layer)]
        for module in made:
            module.weight *= 1.25
        found.append((meter.loss(number), lost(model, clean, tokens)))
        for module in made:
            module.weight *= 0.8
    seen: list[float] = []
    hook = head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].abs().sum().item()))
    model(tokens)
    meter.run_to(head, tokens, meter._hidden[-1])
    hook.remove()
    return [*found, tuple(seen)]


def told_of(model: Any, tokens: Any, settings: BlockSettings = SETTINGS, **search: float) -> dict[str, Any]:
    """What the manifest would tell, and ``bits`` of all matrices by their parts' names."""
    given = copy.deepcopy(model)  # its weights go
    layers = layerwise.layers_of(given)
    rounded, told = layerwise.round_layers(given, layers, tokens, settings, SEARCH | search, lambda *_: None)
    found = [
        (f"{number}.{key}", item)
        for number, one in enumerate(layerwise.layers_of(model))
        for key, item in _matrices(one)
    ]
    found.append(("head", layerwise._head_of(model)))
    return told | {"bits": {name: rounded.bits_of(layerwise._rows_of(item)) for name, item in found}}


def slowly(model: Any, tokens: Any, run_s: float) -> dict[str, Any]:
    """What is told where a run of one sequence takes so long."""
    now, layers = [0.0], layerwise.layers_of(model)

    def pass_time(_: Any, inputs: tuple[Any, ...]) -> None:
        now[0] += run_s / len(layers) * inputs[0].shape[-2] / tokens.shape[1]

    hooks = [next(iter(_matrices(layer)))[1].register_forward_pre_hook(pass_time) for layer in layers]
    real, sensitivity.time = sensitivity.time, SimpleNamespace(monotonic=lambda: now[0])
    try:
        return told_of(model, tokens)
    finally:
        sensitivity.time = real
        for hook in hooks:
            hook.remove()


def alike(model: Any, tokens: Any, number: int, name: str) -> list[dict[str, Any]]:
    """What is told where all layers are as this one: with a share of the weights that has room for this matrix of all
    of them, and for that of two."""
    made = copy.deepcopy(model)
    layers = layerwise.layers_of(made)
    for layer in layers:
        layer.load_state_dict(layers[number].state_dict())
    matrices = {key: item.weight.numel() for key, item in _matrices(layers[number])}
    whole = len(layers) * sum(matrices.values()) + layerwise._head_of(made).weight.numel()
    return [told_of(made, tokens, share=count * matrices[name] / whole) for count in (3.5, 2.5)]


def find(name: str) -> dict[str, Any]:
    *_, (layer, matrix) = KINDS[name]
    model = tiny(name)
    with torch.no_grad():
        ready(model, layer, matrix)
    tokens = torch.randint(0, SIZES["vocab_size"], (12, 24), generator=torch.Generator().manual_seed(1))

    told = partial(told_of, model, tokens)
    with torch.no_grad():
        row = {"hurt": f"{layer}.{matrix}", "told": told(), "none": told(share=0.0), "no_time": told(seconds=0.0)}
        row["slow"] = slowly(model, LONG, 2 * SEARCH["seconds"] / 3)
        row["alike"] = alike(model, tokens, layer, matrix)
        row["not_full"] = told_of(model, tokens, replace(SETTINGS, block_size=128))
        row["losses"] = measured(model, tokens[:1])
        ran: list[int] = []  # what no hidden state tells the head
        next(iter(_matrices(layerwise.layers_of(model)[0])))[1].register_forward_hook(lambda *_: ran.append(1))
        layerwise._head_of(model).register_forward_pre_hook(lambda _, inputs: (inputs[0] * (ran.pop() if ran else 2),))
        row["odd"] = told()
    return row


def experts() -> str:
    """What is taken for the layers of a model that has as many experts in each."""
    sizes = {"moe_intermediate_size": 32, "num_experts": 3, "num_experts_per_tok": 2, "num_key_value_heads": 2}
    model = transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(**SIZES | LLAMA | sizes))
    return "+".join(type(layer).__name__ for layer in layerwise.layers_of(model) or ())


if __name__ == "__main__":
    found = {name: find(name) for name in KINDS} | {"experts": experts()}
    Path(sys.argv[1], "found.json").write_text(json.dumps(found, indent=1), "utf-8")
