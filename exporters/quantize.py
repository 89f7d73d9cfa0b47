"""Recipes: how each precision is made out of the fp32 graphs.

What is in the table was measured; see the docstrings of the functions that the recipes name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from onnx import ModelProto

from exporters import graphs
from exporters.blocks import quantize_in_blocks
from exporters.dynamic import quantize_dynamically
from exporters.failure import ExportFailure
from exporters.float16 import convert_to_float16
from exporters.protocol import PRECISIONS

__all__ = ["RECIPES", "Recipe", "check_recipes", "quantize", "recipe_for"]


@dataclass(frozen=True)
class Recipe:
    """How one precision is made. ``method`` is a key of :data:`METHODS`; ``settings`` go into the manifest."""

    precision: str
    method: str
    convolutions: bool
    settings: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key in ("method", "settings")}


DYNAMIC_INT8 = Recipe(
    "int8",
    "dynamic",
    convolutions=False,
    settings={
        "op_types": ["MatMul", "Gemm", "Gather"],
        "weight_type": "int8",
        "per_channel": True,
        "reduce_range": False,
    },
)
BLOCKS_INT8 = Recipe(
    "int8", "blocks", convolutions=True, settings={"bits": 8, "block_size": 32, "symmetric": True, "accuracy_level": 4}
)
FLOAT16 = Recipe("fp16", "float16", convolutions=True, settings={"keep_io_types": True})

# (precision, export task without its "-with-past") → recipe; "*" is every other task.
RECIPES: dict[tuple[str, str], Recipe] = {
    ("fp16", "*"): FLOAT16,
    ("int8", "*"): DYNAMIC_INT8,
    # Dynamic int8 costs a language model half a nat a token; blocks of 8 bits cost it nothing that can be measured.
    ("int8", "text-generation"): BLOCKS_INT8,
}


def recipe_for(precision: str, export_task: str) -> Recipe:
    """The recipe. Raises ExportFailure when there is none."""
    task = export_task.removesuffix("-with-past")
    recipe = RECIPES.get((precision, task)) or RECIPES.get((precision, "*"))
    if recipe is None:
        known = ", ".join(name for name, item in PRECISIONS.items() if item.exportable)
        raise ExportFailure("export-no-recipe", precision=precision, known=known)
    return recipe


def check_recipes(model: ModelProto, precisions: list[str], export_task: str) -> None:
    """Refuse what a recipe is not fit for. Raises ExportFailure.

    Dynamic quantization turns convolutions into ConvInteger, five times slower than fp32 where they are the main cost;
    and without them hardly anything of such a model is quantized.
    """
    for precision in precisions:
        if precision == "fp32" or recipe_for(precision, export_task).convolutions:
            continue
        share = convolution_share(model)
        if share > 0:
            raise ExportFailure("export-quantize-convolutions", precision=precision, percent=round(100 * share))


def convolution_share(model: ModelProto) -> float:
    """The part of a model's weights or of its weighted operators that is convolutions, 0 when they are a mere stem.

    Two-dimensional convolutions in a quarter of the weighted operators make a network a convolutional one (ConvNeXt
    keeps most of its weights in matrices all the same); so do convolutions that hold most of the weights. The stems of
    vision transformers, wav2vec 2.0 and Whisper stay below both.
    """
    weights = graphs.weights_of(model)
    sizes, counts = {"Conv": 0, "other": 0}, {"Conv": 0, "other": 0}
    for graph in graphs.graphs_within(model.graph):
        for node in graph.node:
            if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
                continue
            shapes = [tuple(weights[name].dims) for name in node.input if name in weights]
            matrix = next((shape for shape in shapes if len(shape) >= 2), None)
            if matrix is None:
                continue
            is_convolution = node.op_type.startswith("Conv")
            key = "Conv" if is_convolution else "other"
            sizes[key] += _elements(matrix)
            if not is_convolution or len(matrix) >= 4:
                counts[key] += 1
    by_size = sizes["Conv"] / max(1, sum(sizes.values()))
    by_count = counts["Conv"] / max(1, sum(counts.values()))
    return max(by_size, by_count) if by_size > 0.5 or by_count >= 0.25 else 0.0


def quantize(source: Path, target: Path, recipe: Recipe) -> None:
    """Make one graph of a variant out of the fp32 graph at ``source``."""
    METHODS[recipe.method](source, target, recipe.settings)


def to_dynamic(source: Path, target: Path, settings: Mapping[str, Any]) -> None:
    """Weights in int8, activations quantized as they come.

    Signed weights are twice as fast as unsigned ones on a processor with VNNI; a scale per channel instead of per
    tensor lifts the cosine of MiniLM's embeddings from 0.96 to 0.99 at the same speed; a reduced range lowers it to
    0.87.
    """
    model = graphs.load(source)
    if quantize_dynamically(model) == 0:
        raise ExportFailure("export-nothing-to-quantize", file=source.name)
    graphs.save(model, target)


def to_float16(source: Path, target: Path, settings: Mapping[str, Any]) -> None:
    """Weights and activations in float16; inputs and outputs stay as they were."""
    model = graphs.load(source)
    graphs.save(convert_to_float16(model, keep_io_types=settings["keep_io_types"]), target)


def to_blocks(source: Path, target: Path, settings: Mapping[str, Any]) -> None:
    """Weights in blocks of 8 bits with a scale each (``MatMulNBits``), the embedding shared with a tied head."""
    model = graphs.load(source)
    if quantize_in_blocks(model, settings["block_size"], settings["accuracy_level"]) == 0:
        raise ExportFailure("export-nothing-to-quantize", file=source.name)
    graphs.save(model, target)


METHODS: dict[str, Callable[[Path, Path, Mapping[str, Any]], None]] = {
    "dynamic": to_dynamic,
    "blocks": to_blocks,
    "float16": to_float16,
}


def _elements(shape: tuple[int, ...]) -> int:
    count = 1
    for size in shape:
        count *= size
    return count
