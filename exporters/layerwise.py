"""Rounding the weights of a decoder to 4 bits layer by layer, by the inputs that a text gives them, and measuring on
the way which are to keep 8.

Only one layer's sums of inputs are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from exporters.blocks import ATTENTION_INPUTS, Blocks, BlockSettings, dequantize_blocks, quantize_blocks
from exporters.decoder_layers import head_of, layer_calls, layers_of, matrices_of, rows_of
from exporters.gptq import inverse_factor, round_by_factor
from exporters.input_sums import InputSums, Matrices
from exporters.memory import give_back
from exporters.refining import refine
from exporters.rewrite import Array
from exporters.rounded import Rounded
from exporters.sensitivity import Meter, Part, parts_in_8_bits

__all__ = ["round_by_text", "round_layers"]

BITS = 4
HEAD = "head"
ROWS = 4096
# With fewer sequences all are used for both, rounding and measuring.
FEW = 6


def round_by_text(
    model: Any,
    tokenizer: Any,
    text: str,
    settings: BlockSettings,
    calibration: Mapping[str, Any],
    on_progress: Callable[[float, float, str], None],
    own: Sequence[str] = (),
) -> tuple[Rounded, dict[str, Any]]:
    """Round the layers of a torch decoder by a text; returns what came of it, and what the manifest tells.

    ``calibration`` is that of a recipe: at most so many ``sequences`` of so many ``tokens``, and ``eight_bits``, see
    :func:`round_layers`. The ``own`` texts of a user come first, and are half of it at most: what a model is asked
    otherwise must not be forgotten for them. Raises ValueError where the layers of the model cannot be told or the text
    is too short, and what the layers raise.
    """
    import torch

    layers = layers_of(model)
    if layers is None:
        raise ValueError("the layers of this model cannot be told")
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or calibration["tokens"]
    first = tokenizer("").input_ids[:1]  # what its texts begin with, where that is anything
    part = min(calibration["tokens"], most) - len(first)
    own_ids = _ids(tokenizer, own, most=part * (calibration["sequences"] // 2))
    ids = own_ids + _ids(tokenizer, [text], most=part * calibration["sequences"] - len(own_ids))
    rows = [first + ids[start : start + part] for start in range(0, len(ids) - part + 1, part)]
    if not rows:
        raise ValueError(f"the text has {len(ids)} tokens, fewer than {part}")
    rounded, told = round_layers(model, layers, torch.tensor(rows), settings, calibration["eight_bits"], on_progress)
    return rounded, {"tokens": sum(map(len, rows)), "own_tokens": len(own_ids), **told}


def _ids(tokenizer: Any, texts: Sequence[str], *, most: int) -> list[int]:
    """The tokens of texts one after the other, the first so many."""
    found: list[int] = []
    for text in texts:
        if len(found) >= most:
            break
        found += tokenizer(text, add_special_tokens=False).input_ids
    return found[:most]


def round_layers(
    model: Any,
    layers: list[Any],
    tokens: Any,
    settings: BlockSettings,
    search: Mapping[str, float],
    on_progress: Callable[[float, float, str], None],
) -> tuple[Rounded, dict[str, Any]]:
    """Round the matrices of all layers and the head; ``tokens`` is a torch tensor [sequences, length] to go by. The
    weights of the model are gone afterwards, layer by layer.

    Parts that lose most keep 8 bits: ``search`` has which ``share`` of the weights they may be, and how many
    ``seconds`` may be taken to measure. Where nothing can be they are queries, keys, values and the head. Raises what
    the layers raise where they want more than what the model gave them for the first of the sequences.
    """
    import torch

    done = Rounded()
    parts: dict[Part, list[int]] = {}
    by_text: set[Part] = set()
    with torch.no_grad():
        seen, held = _held_back(tokens)
        meter, reason = _meter(model, layers, held, search["seconds"])
        calls, batches = layer_calls(model, layers, seen)
        are_apart = _are_apart(layers)

        def take(layer: int | None, matrices: Matrices, hessian: Array) -> None:
            # To refine a head takes longer than to round it, and of SmolLM2-135M's 24 thousandths of a nat gains one.
            made, by_inputs = _rounded([item for _, item in matrices], hessian, settings, refined=layer is not None)
            loss = None
            if meter and meter.is_due(layer):
                with _put(made, len(hessian)):
                    loss = meter.loss(layer)
            size = sum(module.weight.numel() for module, _ in made)
            part = Part(layer, tuple(name for name, _ in matrices), size, loss)
            parts[part] = [done.add(rows_of(module), BITS, blocks) for module, blocks in made]
            if by_inputs:
                by_text.add(part)
            give_back()

        for number, (layer, call) in enumerate(zip(layers, calls, strict=True)):
            with InputSums(matrices_of(layer)) as sums:
                batches = [call(batch) for batch in batches]
            for matrices, hessian in sums.by_input():
                for together in _parts(matrices):
                    take(number, together, hessian)
            if are_apart:
                _forget(layer)
            on_progress(number + 1, len(layers), "layers")
        head = head_of(model)
        if head is not None and meter:
            with InputSums({HEAD: head}) as sums:
                for sequence, hidden in zip(seen.split(1), batches, strict=True):
                    meter.run_to(head, sequence, hidden)
            for matrices, hessian in sums.by_input():
                take(None, matrices, hessian)
        elif head is not None:
            parts[Part(None, (HEAD,), head.weight.numel())] = [done.add(rows_of(head), 8)]
    counted = sum(part.loss is not None for part in parts)
    alike = _alike(parts)
    if meter and any(part.loss is not None for part in parts if part.layer is not None):
        chosen = parts_in_8_bits(list(alike), search["share"])
        told: dict[str, Any] = {"parts": len(parts), "measured_parts": counted, "search_s": round(meter.took_s, 1)}
    else:
        chosen = [part for part in alike if part.layer is None or _is_attention(part.names[0])]
        told = {"not_measured": reason or "the time was too short"}
    kept = [part for one in chosen for part in alike[one]]
    for part in kept:
        for weight in parts[part]:
            done.leave(weight, 8)
    names = [part.title for part in sorted(kept, key=lambda part: (part.layer is None, part.layer, part.names))]
    rounded = sum(len(part.names) for part in by_text.difference(kept))
    return done, {"rounded_matrices": rounded, "parts_in_8_bits": names, **told}


def _alike(parts: Mapping[Part, list[int]]) -> dict[Part, list[Part]]:
    """Parts that have the same weights as one, as in a model that has a layer twice: they keep as many bits."""
    groups: dict[tuple[int, ...], list[Part]] = {}
    for part, weights in parts.items():
        groups.setdefault(tuple(weights), []).append(part)
    made = {}
    for group in groups.values():
        losses = [part.loss for part in group if part.loss is not None]
        loss = sum(losses) / len(losses) * len(group) if losses else None
        made[replace(group[0], size=sum(part.size for part in group), loss=loss)] = group
    return made


def _held_back(tokens: Any) -> tuple[Any, Any]:
    """The sequences to round by, and one to measure by, which is another where there are enough."""
    if len(tokens) < FEW:
        return tokens, tokens[:1]
    held = len(tokens) // 4  # one of a user's, where those are half of them
    return tokens[[place for place in range(len(tokens)) if place != held]], tokens[held : held + 1]


def _meter(model: Any, layers: list[Any], tokens: Any, seconds: float) -> tuple[Meter | None, str]:
    """What measures, or why nothing can."""
    try:
        return Meter(model, layers, tokens, seconds), ""
    except MemoryError:
        raise
    except Exception as error:  # whatever a model of an unknown kind makes of layers that are left out
        return None, (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _are_apart(layers: list[Any]) -> bool:
    """Whether no two layers share a weight."""
    weights = [id(weight) for layer in layers for weight in layer.parameters()]
    return len(weights) == len(set(weights))


def _forget(layer: Any) -> None:
    """Give the memory of a layer back that nothing will run any more."""
    import torch

    for weight in layer.parameters():
        weight.data = torch.empty(0)
    give_back()


def _parts(matrices: Matrices) -> list[Matrices]:
    """Of those that read one input: those that make queries, keys and values, and others."""
    both = ([item for item in matrices if _is_attention(item[0]) is wanted] for wanted in (True, False))
    return [together for together in both if together]


def _is_attention(name: str) -> bool:
    return bool(ATTENTION_INPUTS.intersection(name.split(".")))


def _rounded(
    modules: list[Any], hessian: Array, settings: BlockSettings, *, refined: bool
) -> tuple[list[tuple[Any, Blocks]], bool]:
    """The matrices that read one input in blocks of 4 bits, and whether they were rounded by that input: else each by
    itself, where a block is not full or the sums have no factors."""
    weights = [rows_of(module) for module in modules]
    joined = np.concatenate(weights) if len(weights) > 1 else weights[0]
    blocks = _by_inputs(joined, hessian, settings.block_size, refined=refined)
    by_inputs = blocks is not None
    if blocks is None:
        blocks = quantize_blocks(joined, BITS, settings.block_size)
    ends = np.cumsum([len(rows) for rows in weights])[:-1]
    cut = zip(np.split(blocks.values, ends), np.split(blocks.scales, ends), strict=True)
    return [(module, Blocks(*part)) for module, part in zip(modules, cut, strict=True)], by_inputs


def _by_inputs(rows: Array, hessian: Array, block_size: int, *, refined: bool) -> Blocks | None:
    if len(hessian) % block_size:
        return None
    try:
        factor = inverse_factor(hessian)
    except np.linalg.LinAlgError:
        return None
    blocks = round_by_factor(rows, factor, BITS, block_size)
    return refine(rows, hessian, blocks, BITS) if refined else blocks


@contextmanager
def _put(made: list[tuple[Any, Blocks]], width: int) -> Iterator[None]:
    """Have matrices be what rounding made of them."""
    import torch
    from torch.nn import Linear

    before = [module.weight.detach().clone() for module, _ in made]
    try:
        for module, blocks in made:
            weight = module.weight if isinstance(module, Linear) else module.weight.T
            for start in range(0, len(weight), ROWS):  # a head is large
                part = slice(start, start + ROWS)
                rows = dequantize_blocks(Blocks(blocks.values[part], blocks.scales[part]), BITS, width)
                weight[part] = torch.from_numpy(rows)
        yield
    finally:
        for (module, _), weight in zip(made, before, strict=True):
            module.weight.copy_(weight)
