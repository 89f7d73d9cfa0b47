"""The layers of a torch decoder: which they are, what is in them, and what runs one alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from exporters.rewrite import Array

__all__ = ["head_of", "layer_calls", "layers_of", "matrices_of", "rows_of"]


def layers_of(model: Any) -> list[Any] | None:
    """The layers of a torch decoder one after the other, None where they cannot be told."""
    from torch.nn import ModuleList

    count = getattr(model.config.get_text_config(), "num_hidden_layers", None)
    lists = [item for item in model.modules() if isinstance(item, ModuleList) and len(item) == count]
    within = {part for item in lists for part in item.modules() if part is not item}
    outermost = [item for item in lists if item not in within]  # a layer may have as many experts
    return list(outermost[0]) if len(outermost) == 1 else None


def head_of(model: Any) -> Any:
    """The module that makes scores of words, None where it is no plain product."""
    from torch.nn import Linear

    head = model.get_output_embeddings()
    return head if isinstance(head, Linear) else None


def matrices_of(layer: Any) -> dict[str, Any]:
    """The modules of a layer that multiply by a matrix, by their names in it."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    return {name: item for name, item in layer.named_modules() if isinstance(item, (Linear, Conv1D))}


def rows_of(module: Any) -> Array:
    """A weight as [outputs, inputs], its own memory where that is so."""
    from torch.nn import Linear

    weight = module.weight.detach().numpy()
    return np.ascontiguousarray(weight if isinstance(module, Linear) else weight.T, np.float32)


def layer_calls(model: Any, layers: list[Any], tokens: Any) -> tuple[list[Callable[[Any], Any]], list[Any]]:
    """What runs each layer on hidden states as the model does, and the hidden states before the first layer.

    ``tokens`` is a torch tensor [sequences, length]; there are hidden states for each sequence. All that a layer wants
    besides is what the model gave it for the first one. Raises what the model raises.
    """
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
