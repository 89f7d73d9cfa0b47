"""``eight_bits.py OUT``: which parts of tiny seeded decoders keep 8 bits, when all others lose nothing in 4.

For each kind a row in ``found.json``: what the manifest would tell, losses by the meter beside those of runs of the
whole model, and what is told where nothing can be measured, where a run takes long, where layers are alike, and where
no block is full; ``experts`` has what layers are where each has as many experts. In ``paces.json`` which layers are
measured when the machine stays as fast as it was, and when not.

Run by the toolchain's Python.
"""

from __future__ import annotations

import copy
import json
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers

from exporters import sensitivity
from exporters.blocks import BlockSettings
from exporters.decoder_layers import head_of, layers_of, matrices_of, rows_of
from exporters.layerwise import round_layers
from exporters.sensitivity import Meter

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
    layers = layers_of(model)
    matrices = [(number, key, item) for number, one in enumerate(layers) for key, item in matrices_of(one).items()]
    for number, key, module in [*matrices, (None, "", head_of(model))]:
        if (number, key) == (layer, name):
            continue
        turned = module.weight if isinstance(module, torch.nn.Linear) else module.weight.T
        codes = torch.randint(-8, 8, turned.shape, generator=generator).float()
        codes[:, :: SETTINGS.block_size] = -8.0
        turned.copy_(codes / 32)


def lost(model: Any, clean: Any, tokens: Any) -> float:
    """Nats a token, the whole model being run."""
    given = torch.log_softmax(model(tokens).logits, -1)
    return float((clean.exp() * (clean - given)).sum(-1).mean())


def measured(model: Any, tokens: Any) -> list[tuple[float, float]]:
    """What is lost with the matrices of each layer larger, and what the head sees: as the meter has it, and by runs of
    the whole model."""
    layers, head = layers_of(model), head_of(model)
    meter, found = Meter(model, layers, tokens, 60.0), []
    clean = torch.log_softmax(model(tokens).logits, -1)
    for number, layer in enumerate(layers):
        made = matrices_of(layer).values()
        for module in made:
            module.weight *= 1.25
        found.append((meter.loss(number), lost(model, clean, tokens)))
        for module in made:
            module.weight *= 0.8
    seen: list[float] = []
    last: list[Any] = []
    hooks = [
        layers[-1].register_forward_hook(lambda _, __, made: last.append(made[0] if isinstance(made, tuple) else made)),
        head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].abs().sum().item())),
    ]
    model(tokens)
    meter.run_to(head, tokens, last[0])
    for hook in hooks:
        hook.remove()
    return [*found, tuple(seen)]


def told_of(model: Any, tokens: Any, settings: BlockSettings = SETTINGS, **search: float) -> dict[str, Any]:
    """What the manifest would tell, and ``bits`` of all matrices by their parts' names."""
    given = copy.deepcopy(model)  # its weights go
    layers = layers_of(given)
    rounded, told = round_layers(given, layers, tokens, settings, SEARCH | search, lambda *_: None)
    found = [
        (f"{number}.{key}", item)
        for number, one in enumerate(layers_of(model))
        for key, item in matrices_of(one).items()
    ]
    found.append(("head", head_of(model)))
    return told | {"bits": {name: rounded.bits_of(rows_of(item), 0) for name, item in found}}


@contextmanager
def slowly(model: Any, tokens: Any, run_s: float) -> Iterator[list[float]]:
    """A run of one sequence takes so long, times what it gives."""
    now, layers, times = 0.0, layers_of(model), [1.0]

    def pass_time(_: Any, inputs: tuple[Any, ...]) -> None:
        nonlocal now
        now += times[0] * run_s / len(layers) * inputs[0].shape[-2] / tokens.shape[1]

    hooks = [next(iter(matrices_of(layer).values())).register_forward_pre_hook(pass_time) for layer in layers]
    real, sensitivity.time = sensitivity.time, SimpleNamespace(monotonic=lambda: now)
    try:
        yield times
    finally:
        sensitivity.time = real
        for hook in hooks:
            hook.remove()


def measured_layers(slower: float) -> list[int]:
    """Those of sixteen that are measured within 60 seconds, where all could be but runs then take longer."""
    torch.manual_seed(3)
    config = transformers.LlamaConfig(**SIZES | LLAMA | {"num_hidden_layers": 16})
    model, found = transformers.LlamaForCausalLM(config).eval(), []
    with slowly(model, LONG, 1.2) as times:
        meter, times[0] = Meter(model, layers_of(model), LONG[:1], 60.0), slower
        for number in range(16):
            due = [meter.is_due(number) and meter.loss(number) is not None for _ in range(4)]
            found += [number] * all(due)
    return found


def alike(model: Any, tokens: Any, number: int, name: str) -> list[dict[str, Any]]:
    """What is told where all layers are as this one: with a share of the weights that has room for this matrix of all
    of them, and for that of two."""
    made = copy.deepcopy(model)
    layers = layers_of(made)
    for layer in layers:
        layer.load_state_dict(layers[number].state_dict())
    matrices = {key: item.weight.numel() for key, item in matrices_of(layers[number]).items()}
    whole = len(layers) * sum(matrices.values()) + head_of(made).weight.numel()
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
        with slowly(model, LONG, 2 * SEARCH["seconds"] / 3):
            row["slow"] = told_of(model, LONG)
        row["alike"] = alike(model, tokens, layer, matrix)
        row["not_full"] = told_of(model, tokens, replace(SETTINGS, block_size=128))
        row["losses"] = measured(model, tokens[:1])
        ran: list[int] = []  # what no hidden state tells the head
        next(iter(matrices_of(layers_of(model)[0]).values())).register_forward_hook(lambda *_: ran.append(1))
        head_of(model).register_forward_pre_hook(lambda _, inputs: (inputs[0] * (ran.pop() if ran else 2),))
        row["odd"] = told()
        broken = tiny(name)
        head_of(broken).register_forward_hook(lambda _, __, scores: scores * math.nan)
        row["no_numbers"] = told_of(broken, tokens)
    return row


def experts() -> str:
    """What is taken for the layers of a model that has as many experts in each."""
    sizes = {"moe_intermediate_size": 32, "num_experts": 3, "num_experts_per_tok": 2, "num_key_value_heads": 2}
    model = transformers.Qwen3MoeForCausalLM(transformers.Qwen3MoeConfig(**SIZES | LLAMA | sizes))
    return "+".join(type(layer).__name__ for layer in layers_of(model) or ())


if __name__ == "__main__":
    found = {name: find(name) for name in KINDS} | {"experts": experts()}
    Path(sys.argv[1], "found.json").write_text(json.dumps(found, indent=1), "utf-8")
    with torch.no_grad():
        paces = [measured_layers(slower) for slower in (1.0, 3.0)]
    Path(sys.argv[1], "paces.json").write_text(json.dumps(paces), "utf-8")
