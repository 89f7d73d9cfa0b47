"""Rounding the weights of a decoder layer by layer, by what the rounded layers before give it.

Only one layer's sums of inputs are in memory at a time. Rows of weights are found again in the graph by what they were,
whatever the graph calls them, turns them or joins them into.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exporters.blocks import ATTENTION_INPUTS, Blocks, BlockSettings, dequantize_blocks
from exporters.gptq import inverse_factor, round_by_factor
from exporters.refining import refine
from exporters.rewrite import Array

__all__ = ["NOTHING_ROUNDED", "Rounded", "layers_of", "round_by_text", "round_layers"]


@dataclass
class Rounded:
    """Weights that were rounded already, row by row. ``matrices`` is how many."""

    matrices: int = 0
    _blocks: list[tuple[int, Blocks]] = field(default_factory=list)
    _places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def add(self, rows: Array, bits: int, blocks: Blocks) -> None:
        """``rows`` float32 [N, K] were rounded to ``blocks``."""
        number = len(self._blocks)
        self._blocks.append((bits, blocks))
        for index, row in enumerate(rows):
            self._places.setdefault(_key(row), (number, index))
        self.matrices += 1

    def find(self, rows: Array, bits: int) -> Blocks | None:
        """The blocks of a weight [N, K], None where a row of it is not known with these bits."""
        places = []
        for row in rows:
            place = self._places.get(_key(row))
            if place is None or self._blocks[place[0]][0] != bits:
                return None
            places.append(place)
        found = [self._blocks[number][1] for number, _ in places]
        return Blocks(
            np.stack([item.values[index] for item, (_, index) in zip(found, places, strict=True)]),
            np.stack([item.scales[index] for item, (_, index) in zip(found, places, strict=True)]),
        )


NOTHING_ROUNDED = Rounded()


def _key(row: Array) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row, np.float32).tobytes(), digest_size=16).digest()


def round_by_text(
    model: Any,
    tokenizer: Any,
    text: str,
    settings: BlockSettings,
    calibration: Mapping[str, Any],
    on_progress: Callable[[float, float, str], None],
) -> Rounded:
    """Round the layers of a torch decoder in place, by a text.

    ``calibration`` is that of a recipe: at most so many ``sequences`` of so many ``tokens``. Raises ValueError where
    the layers of the model cannot be told or the text is too short, and what the layers raise.
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
    return round_layers(model, layers, torch.tensor(rows[: calibration["sequences"]]), settings, on_progress)


def layers_of(model: Any) -> list[Any] | None:
    """The layers of a torch decoder one after the other, None where they cannot be told."""
    from torch.nn import ModuleList

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = [item for item in model.modules() if isinstance(item, ModuleList) and len(item) == count]
    return list(lists[0]) if len(lists) == 1 else None


def round_layers(
    model: Any,
    layers: list[Any],
    tokens: Any,
    settings: BlockSettings,
    on_progress: Callable[[float, float, str], None],
) -> Rounded:
    """Round the matrices of all layers in place; ``tokens`` is a torch tensor [sequences, length] to go by.

    Raises what the layers raise where they want more than what the model gave them for the first of the sequences.
    """
    import torch

    done = Rounded()
    with torch.no_grad():
        calls, batches = _calls(model, layers, tokens)
        for number, (layer, call) in enumerate(zip(layers, calls, strict=True)):
            sums = _Sums(layer)
            for batch in batches:
                call(batch)
            for matrices, hessian in sums.finish():
                _round(matrices, hessian, settings, done)
            batches = [call(batch) for batch in batches]
            on_progress(number + 1, len(layers), "layers")
    return done


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


class _Sums:
    """X^T X of the inputs of the matrices of a layer; those that read the same tensor share one."""

    def __init__(self, layer: Any) -> None:
        from torch.nn import Linear
        from transformers.pytorch_utils import Conv1D

        self._modules = {name: item for name, item in layer.named_modules() if isinstance(item, (Linear, Conv1D))}
        self._sums: dict[str, Any] = {}
        self._same: dict[str, str] = {}
        self._last: tuple[Any, str] | None = None
        self._hooks = [item.register_forward_pre_hook(self._taker(name)) for name, item in self._modules.items()]

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

    def finish(self) -> list[tuple[list[tuple[str, Any]], Array]]:
        """For each input that was there the matrices that read it, with their names, and its sum, float32 [K, K]."""
        for hook in self._hooks:
            hook.remove()
        readers: dict[str, list[tuple[str, Any]]] = {name: [] for name in self._sums}
        for name, module in self._modules.items():
            if (first := self._same.get(name, name)) in readers:
                readers[first].append((name, module))
        return [(readers[name], hessian.numpy()) for name, hessian in self._sums.items()]


def _round(matrices: list[tuple[str, Any]], hessian: Array, settings: BlockSettings, done: Rounded) -> None:
    """Round the matrices that read one input, and put what they have become into the model."""
    by_bits: dict[int, list[Any]] = {}
    for name, module in matrices:
        is_attention = bool(ATTENTION_INPUTS.intersection(name.split(".")))
        by_bits.setdefault(settings.attention_bits if is_attention else settings.bits, []).append(module)
    if len(hessian) % settings.block_size:
        return
    try:
        factor = inverse_factor(hessian)
    except np.linalg.LinAlgError:
        return
    for bits, modules in by_bits.items():
        weights = [_rows_of(module) for module in modules]
        joined = np.concatenate(weights)
        blocks = round_by_factor(joined, factor, bits, settings.block_size_of(bits, len(hessian)))
        if bits == 4:  # those of 8 bits are near enough
            blocks = refine(joined, hessian, blocks, bits)
        made = dequantize_blocks(blocks, bits, len(hessian))
        start = 0
        for module, rows in zip(modules, weights, strict=True):
            part = slice(start, start + len(rows))
            done.add(rows, bits, Blocks(blocks.values[part], blocks.scales[part]))
            _put(module, made[part])
            start += len(rows)


def _rows_of(module: Any) -> Array:
    """A copy of a weight as [outputs, inputs]."""
    from torch.nn import Linear

    weight = module.weight.detach().numpy()
    return np.array(weight if isinstance(module, Linear) else weight.T, np.float32, order="C")


def _put(module: Any, rows: Array) -> None:
    import torch
    from torch.nn import Linear

    made = torch.from_numpy(np.ascontiguousarray(rows))
    module.weight.copy_(made if isinstance(module, Linear) else made.T)
