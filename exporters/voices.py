"""VITS, which makes speech out of noise: how much noise, and how fast, become inputs of its graph with defaults.

They are numbers inside the torch model, and Optimum's export freezes them. As inputs that have an initializer they may
be left out, so the graph stays what others expect; and without noise the graph can be compared with torch exactly.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from onnx import helper

from exporters import graphs

__all__ = ["SCALES", "is_voice", "offer_scales", "open_scales"]

SCALES = ("noise_scale", "noise_scale_duration", "length_scale")


class _Rate:
    """Stands for ``speaking_rate``: one divided by it is the tensor that the graph is to have for it."""

    def __init__(self, length_scale: Any) -> None:
        self._length_scale = length_scale

    def __rtruediv__(self, one: float) -> Any:
        return self._length_scale if one == 1 else one * self._length_scale  # a product would be folded away


def is_voice(model: Any) -> bool:
    return bool(model.config.model_type == "vits")


def open_scales(model: Any) -> None:
    """Make tensors with names of the three numbers, so that they stay apart in the graph."""
    import torch

    values = (model.noise_scale, model.noise_scale_duration, 1.0 / model.speaking_rate)
    for name in SCALES[:2]:
        delattr(model, name)
    for name, value in zip(SCALES, values, strict=True):
        model.register_buffer(name, torch.tensor(float(value)))
    model.speaking_rate = _Rate(model.length_scale)


def offer_scales(path: Path) -> None:
    """List those of the numbers that the graph uses as inputs; their initializers are the defaults."""
    model = graphs.load(path, external=False)
    for tensor in model.graph.initializer:
        if tensor.name in SCALES:
            model.graph.input.append(helper.make_tensor_value_info(tensor.name, tensor.data_type, list(tensor.dims)))
    graphs.save(model, path)
