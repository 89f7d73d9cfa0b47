"""Rounding the weights of a decoder to 4 bits layer by layer, by the inputs that a text gives them, and measuring on
the way which are to keep 8.

Only one layer's sums of inputs are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from exporters.blocks import ATTENTION_INPUTS, Blocks, BlockSettings, dequantize_blocks, quantize_blocks
from exporters.gptq import inverse_factor, round_by_factor
from exporters.refining import refine
from exporters.rewrite import Array
from exporters.rounded import Rounded
from exporters.sensitivity import Meter, Part, parts_in_8_bits

__all__ = ["layers_of", "round_by_text", "round_layers"]

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
) -> tuple[Rounded, dict[str, Any]]:
    """Round the layers of a torch decoder by a text; returns what came of it, and what the manifest tells.

    ``calibration`` is that of a recipe: at most so many ``sequences`` of so many ``tokens``, and ``eight_bits``, see
    :func:`round_layers`. Raises ValueError where the layers of the model cannot be told or the text is too short, and
    what the layers raise.
    """
    import torch

    layers = layers_of(model)
    if layers is None:
        raise ValueError("the layers of this model cannot be told")
    most = getattr(model.config.get_text_config(), "max_position_embeddings", None) or calibration["tokens"]
    first = tokenizer("").input_ids[:1]  # what its texts begin with, where that is anything
    part = min(calibration["tokens"], most) - len(first)
    ids = tokenizer(text, add_special_tokens=False).input_ids
    rows = [first + ids[start : start + part] for start in range(0, len(ids) - part + 1, part)]
    if not rows:
        raise ValueError(f"the text has {len(ids)} tokens, fewer than {part}")
    tokens = torch.tensor(rows[: calibration["sequences"]])
    return round_layers(model, layers, tokens, settings, calibration["eight_bits"], on_progress)


def layers_of(model: Any) -> list[Any] | None:
    """The layers of a torch decoder one after the other, None where they cannot be told."""
    from torch.nn import ModuleList

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = [item for item in model.modules() if isinstance(item, ModuleList) and len(item) == count]
    within = {part for item in lists for part in item.modules() if part is not item}
    outermost = [item for item in lists if item not in within]  # a layer may have as many experts
    return list(outermost[0]) if len(outermost) == 1 else None


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
    by_text = 0
    with torch.no_grad():
        seen, held = _held_back(tokens)
        meter, reason = _meter(model, layers, held, search["seconds"])
        calls, batches = _calls(model, layers, seen)
        are_apart = _are_apart(layers)

        def take(layer: int | None, matrices: _Matrices, hessian: Array) -> None:
            nonlocal by_text
            made, by_inputs = _rounded([item for _, item in matrices], hessian, settings, refined=layer is not None)
            by_text += by_inputs * len(made)
            loss = None
            if meter and meter.is_due(layer):
                with _put(made, len(hessian)):
                    loss = meter.loss(layer)
            size = sum(module.weight.numel() for module, _ in made)
            part = Part(layer, tuple(name for name, _ in matrices), size, loss)
            parts[part] = [done.add(_rows_of(module), BITS, blocks) for module, blocks in made]

        for number, (layer, call) in enumerate(zip(layers, calls, strict=True)):
            sums = _Sums(_matrices_of(layer))
            batches = [call(batch) for batch in batches]
            for matrices, hessian in sums.finish():
                take(number, matrices, hessian)
            if are_apart:
                _forget(layer)
            on_progress(number + 1, len(layers), "layers")
        head = _head_of(model)
        if head is not None and meter:
            sums = _Sums({HEAD: head})
            for sequence, hidden in zip(seen.split(1), batches, strict=True):
                meter.run_to(head, sequence, hidden)
            for matrices, hessian in sums.finish():
                take(None, matrices, hessian)
        elif head is not None:
            parts[Part(None, (HEAD,), head.weight.numel())] = [done.add(_rows_of(head), 8)]
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
    return done, {"rounded_matrices": by_text, "parts_in_8_bits": names, **told}


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
    middle = len(tokens) // 2
    return tokens[[place for place in range(len(tokens)) if place != middle]], tokens[middle : middle + 1]


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


def _head_of(model: Any) -> Any:
    """The module that makes scores of words, None where it is no plain product."""
    from torch.nn import Linear

    head = model.get_output_embeddings()
    return head if isinstance(head, Linear) else None


def _is_attention(name: str) -> bool:
    return bool(ATTENTION_INPUTS.intersection(name.split(".")))


def _calls(model: Any, layers: list[Any], tokens: Any) -> tuple[list[Callable[[Any], Any]], list[Any]]:
    """What runs each layer on hidden states as the model does, and the hidden states before the first layer."""
    given: dict[int, tuple[tuple[Any, ...], Mapping[str, Any]]] = {}
    firsts: list[Any] = []

    class Enough(Exception):
        pass

    def before(number: int) -> Any:
        def keep(_: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
            if number == 0:
                firsts.append(inputs[0] if inputs else named["hidden_states"])
            if number in given:
                raise Enough
            given[number] = (inputs, named)

        return layers[number].register_forward_pre_hook(keep, with_kwargs=True)

    hooks = [before(number) for number in range(len(layers))]
    try:
        for batch in tokens.split(1):
            try:
                model(batch, use_cache=False)
            except Enough:
                continue
    finally:
        for hook in hooks:
            hook.remove()

    def call_of(layer: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> Callable[[Any], Any]:
        def call(hidden: Any) -> Any:
            positions = (hidden, *inputs[1:]) if inputs else ()
            made = layer(*positions, **(named if inputs else {**named, "hidden_states": hidden}))
            return made[0] if isinstance(made, tuple) else made

        return call

    return [call_of(layer, *given[number]) for number, layer in enumerate(layers)], firsts


_Matrices = list[tuple[str, Any]]


def _matrices_of(layer: Any) -> dict[str, Any]:
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    return {name: item for name, item in layer.named_modules() if isinstance(item, (Linear, Conv1D))}


class _Sums:
    """X^T X of the inputs of matrices; those that read the same tensor share one."""

    def __init__(self, modules: Mapping[str, Any]) -> None:
        self._modules = modules
        self._sums: dict[str, Any] = {}
        self._same: dict[str, str] = {}
        self._last: tuple[Any, str] | None = None
        self._hooks = [item.register_forward_pre_hook(self._taker(name)) for name, item in modules.items()]

    def _taker(self, name: str) -> Any:
        def take(_: Any, inputs: tuple[Any, ...]) -> None:
            given = inputs[0]
            if self._last and self._last[0] is given:
                self._same[name] = self._last[1]
                return
            self._last = (given, name)
            rows = given.reshape(-1, given.shape[-1])
            made = rows.T @ rows
            self._sums[name] = self._sums[name].add_(made) if name in self._sums else made

        return take

    def finish(self) -> list[tuple[_Matrices, Array]]:
        """For each input that was there its sum, float32 [K, K], and the matrices that read it, with their names:
        those that make queries, keys and values, and others."""
        for hook in self._hooks:
            hook.remove()
        readers: dict[tuple[str, bool], _Matrices] = {}
        for name, module in self._modules.items():
            if (first := self._same.get(name, name)) in self._sums:
                readers.setdefault((first, _is_attention(name)), []).append((name, module))
        return [(matrices, self._sums[first].numpy()) for (first, _), matrices in readers.items()]


def _rounded(
    modules: list[Any], hessian: Array, settings: BlockSettings, *, refined: bool
) -> tuple[list[tuple[Any, Blocks]], bool]:
    """The matrices that read one input in blocks of 4 bits, and whether they were rounded by that input: else each by
    itself, where a block is not full or the sums have no factors."""
    weights = [_rows_of(module) for module in modules]
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


def _rows_of(module: Any) -> Array:
    """A weight as [outputs, inputs], its own memory where that is so."""
    from torch.nn import Linear

    weight = module.weight.detach().numpy()
    return np.ascontiguousarray(weight if isinstance(module, Linear) else weight.T, np.float32)


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
