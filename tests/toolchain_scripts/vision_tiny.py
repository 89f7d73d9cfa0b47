"""Shared by the scripts that make tiny vision models: odd pictures, settled networks, Optimum's graphs."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from images import make_pictures, side

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")

__all__ = ["RESNET", "TRANSFORMER", "export", "make_pictures", "pixels_of", "reset", "side", "spread"]

TRANSFORMER = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 16, 16, 32], "depths": [1, 1, 1, 1], "layer_type": "basic"}


def pixels_of(processor: Any, paths: list[Path]) -> list[Any]:
    """What the processor makes of each picture, a batch of one each."""
    from transformers.image_utils import load_image

    return [processor(load_image(str(path)), return_tensors="pt") for path in paths]


def reset(model: Any, seed: int, scale: float = 0.15) -> Any:
    """Weights spread so wide that so small a network looks at its picture; normalization layers as they are."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, scale if weight.dim() == 2 else (2 / weight[0].numel()) ** 0.5)
    return model.eval()


def spread(head: Any, logits: Callable[[], torch.Tensor], std: float = 2.0) -> None:
    """Scale a linear layer so that what comes of it has this standard deviation around 0."""
    with torch.no_grad():
        values = logits()
        factor = std / values.std()
        head.bias.sub_(values.flatten(0, -2).mean(0)).mul_(factor)
        head.weight.mul_(factor)


def export(model: Any, processors: list[Any], task: str, folder: Path) -> None:
    """The graphs that Optimum makes, in ``folder/onnx`` and the model's files beside them, as an export has it."""
    import shutil

    from optimum.exporters.onnx.convert import onnx_export_from_model

    model.save_pretrained(folder)
    for processor in processors:
        processor.save_pretrained(folder)
    model.config._name_or_path = str(folder)  # where Optimum looks for the processor
    made = folder / "made"
    onnx_export_from_model(
        model=model, output=made, task=task, preprocessors=processors, do_validation=False, device="cpu"
    )
    (folder / "onnx").mkdir()
    for path in made.glob("*.onnx*"):
        shutil.move(path, folder / "onnx" / path.name)
    shutil.rmtree(made)
