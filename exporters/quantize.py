"""Recipes: how each precision is made out of the fp32 graphs.

What is in the table was measured; see the docstrings of the functions that the recipes name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from onnx import ModelProto

from exporters import graphs
from exporters.activations import NOTHING_SEEN, Activations
from exporters.block_graphs import quantize_in_blocks
from exporters.blocks import NOT_RESCALED, BlockSettings, Factors
from exporters.calibration import Feeds
from exporters.dynamic import quantize_dynamically
from exporters.failure import ExportFailure
from exporters.fixed import quantize_with_ranges
from exporters.float16 import convert_to_float16
from exporters.graphs import Aside
from exporters.merging import merge_products
from exporters.protocol import PRECISIONS
from exporters.rescaling import rescale
from exporters.rounded import NOTHING_ROUNDED, Rounded
from exporters.smoothing import smooth
from exporters.static import quantize_network, quantize_products
from exporters.tidying import tidy

__all__ = [
    "RECIPES",
    "Operator",
    "Recipe",
    "check_recipes",
    "operators_of_graph",
    "operators_of_torch",
    "quantize",
    "recipe_for",
    "to_static",
]


Told = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How one precision is made. ``method`` is a key of :data:`METHODS`, ``blocks`` for :func:`to_blocks`, or
    ``static`` for :func:`to_static`, which needs samples; ``settings`` go into the manifest.

    ``graphs`` are those for graphs whose names begin so, ``"encoder"`` or ``"decoder"``, where they are made otherwise.
    """

    precision: str
    method: str
    convolutions: bool
    settings: Mapping[str, Any] = field(default_factory=dict)
    graphs: Mapping[str, Recipe] = field(default_factory=dict)

    def for_graph(self, stem: str) -> Recipe:
        """The recipe of one graph, by the name of its file without ``.onnx``."""
        return next((recipe for start, recipe in self.graphs.items() if stem.startswith(start)), self)

    def to_json(self, stems: Iterable[str] = ()) -> dict[str, Any]:
        """As the manifest has it; with ``graphs`` where those of these names are made otherwise."""
        made: dict[str, Any] = {"method": self.method, "settings": dict(self.settings)}
        others = {start: recipe.to_json() for start, recipe in self.graphs.items() if _any_starts(stems, start)}
        return made | {"graphs": others} if others else made


def _any_starts(stems: Iterable[str], start: str) -> bool:
    return any(stem.startswith(start) for stem in stems)


@dataclass(frozen=True)
class Operator:
    """A convolution or a matrix product with a weight of this shape."""

    convolution: bool
    shape: tuple[int, ...]


BLOCKS = {
    "block_size": 32,
    "block_size_8": 32,
    "block_size_rescaled": 64,
    "block_size_wide": 256,
    "symmetric": True,
    "accuracy_level": 4,
}
BLOCKS_INT8 = Recipe(
    "int8", "blocks", convolutions=True, settings={"bits": 8, "attention_bits": 8, "head_bits": 8, **BLOCKS}
)
RESCALED_INT8 = replace(BLOCKS_INT8, settings={**BLOCKS_INT8.settings, "rescaling": True})
GPTQ = {
    "rounding": "gptq, refined",
    "calibration": {"text": "built-in", "sequences": 40, "tokens": 128, "eight_bits": {"share": 0.2, "seconds": 30}},
}
BLOCKS_Q4 = Recipe(
    "q4",
    "blocks",
    convolutions=True,
    settings={"bits": 4, "attention_bits": 8, "head_bits": 8, **BLOCKS, "block_size_8": 64, "rescaling": True, **GPTQ},
)
BLOCKS_Q4F16 = replace(BLOCKS_Q4, precision="q4f16", settings={**BLOCKS_Q4.settings, "float16": True})
DYNAMIC_INT8 = Recipe(
    "int8",
    "dynamic",
    convolutions=False,
    settings={
        "op_types": ["MatMul", "Gemm", "Gather"],
        "weight_type": "int8",
        "per_channel": True,
        "reduce_range": False,
        "smoothing": True,
        "gelu": "tanh",
        "scales": "as they come",
    },
    graphs={"decoder": BLOCKS_INT8},
)
# So that texts can go through together; see :mod:`exporters.fixed`.
TEXT_INT8 = replace(DYNAMIC_INT8, settings={**DYNAMIC_INT8.settings, "scales": "fixed"})
# The words hang on what the encoder hears, and it is hardly faster in 8 bits; see :func:`keep`.
SPEECH_INT8 = replace(
    DYNAMIC_INT8, graphs={"encoder": Recipe("int8", "kept", convolutions=True), "decoder": BLOCKS_INT8}
)
STATIC_INT8 = Recipe(
    "int8-static",
    "static",
    convolutions=True,
    settings={"format": "QDQ", "activation_type": "uint8", "weight_type": "int8", "per_channel": True},
)
FLOAT16 = Recipe("fp16", "float16", convolutions=True, settings={"keep_io_types": True})

# What Optimum calls the tasks of text encoders.
TEXT_TASKS = ("feature-extraction", "fill-mask", "question-answering", "text-classification", "token-classification")

# (precision, export task without its "-with-past") → recipe; "*" is every other task.
RECIPES: dict[tuple[str, str], Recipe] = {
    ("fp16", "*"): FLOAT16,
    ("int8", "*"): DYNAMIC_INT8,
    ("int8-static", "*"): STATIC_INT8,
    ("int8", "automatic-speech-recognition"): SPEECH_INT8,
    **{("int8", task): TEXT_INT8 for task in TEXT_TASKS},
    # Dynamic int8 costs a language model half a nat a token; blocks of 8 bits cost it nothing that can be measured.
    ("int8", "text-generation"): RESCALED_INT8,
    ("q4", "text-generation"): BLOCKS_Q4,
    ("q4f16", "text-generation"): BLOCKS_Q4F16,
}


def recipe_for(precision: str, export_task: str) -> Recipe:
    """The recipe. Raises ExportFailure when there is none."""
    task = export_task.removesuffix("-with-past")
    recipe = RECIPES.get((precision, task)) or RECIPES.get((precision, "*"))
    if recipe is None:
        known = ", ".join(name for name, item in PRECISIONS.items() if item.exportable)
        raise ExportFailure("export-no-recipe", precision=precision, known=known)
    return recipe


def check_recipes(operators: Sequence[Operator], precisions: Sequence[str], export_task: str) -> None:
    """Refuse what a recipe is not fit for. Raises ExportFailure.

    Dynamic quantization turns convolutions into ConvInteger, five times slower than fp32 where they are the main cost;
    and without them hardly anything of such a model is quantized.
    """
    for precision in precisions:
        if precision == "fp32" or recipe_for(precision, export_task).convolutions:
            continue
        share = convolution_share(operators)
        if share > 0:
            raise ExportFailure("export-quantize-convolutions", precision=precision, percent=round(100 * share))


def operators_of_graph(model: ModelProto) -> list[Operator]:
    """The convolutions and matrix products of a graph that have weights."""
    weights = graphs.weights_of(model)
    found = []
    for graph in graphs.graphs_within(model.graph):
        for node in graph.node:
            shapes = [tuple(weights[name].dims) for name in node.input if name in weights]
            shape = next((shape for shape in shapes if len(shape) >= 2), None)
            if shape and node.op_type in ("Conv", "ConvTranspose", "MatMul", "Gemm"):
                found.append(Operator(node.op_type.startswith("Conv"), shape))
    return found


def operators_of_torch(model: Any) -> list[Operator]:
    """The same of a torch model, which is known minutes before its graph."""
    from torch.nn import Linear
    from torch.nn.modules.conv import _ConvNd
    from transformers.pytorch_utils import Conv1D  # a matrix product, in spite of its name

    return [
        Operator(isinstance(module, _ConvNd), tuple(module.weight.shape))
        for module in model.modules()
        if isinstance(module, (_ConvNd, Linear, Conv1D))
    ]


def convolution_share(operators: Sequence[Operator]) -> float:
    """The part of a model's weights or of its weighted operators that is convolutions, 0 when they are a mere stem.

    Two-dimensional convolutions in a quarter of the weighted operators make a network a convolutional one (ConvNeXt
    keeps most of its weights in matrices all the same); so do convolutions that hold most of the weights. The stems of
    vision transformers, wav2vec 2.0 and Whisper stay below both.
    """
    size = sum(math.prod(item.shape) for item in operators if item.convolution)
    by_size = size / max(1, sum(math.prod(item.shape) for item in operators))
    counted = [item for item in operators if not item.convolution or len(item.shape) >= 4]
    by_count = sum(item.convolution for item in counted) / max(1, len(counted))
    return max(by_size, by_count) if by_size > 0.5 or by_count >= 0.25 else 0.0


def quantize(
    source: Path,
    target: Path,
    recipe: Recipe,
    activations: Mapping[str, Activations] = NOTHING_SEEN,
    rounded: Rounded = NOTHING_ROUNDED,
) -> dict[str, Any]:
    """Make one graph of a variant out of the fp32 graph at ``source``; returns what the manifest tells of it beside the
    recipe's settings.

    ``activations`` are those of the samples, see :mod:`exporters.activations`, and ``rounded`` the weights that were
    rounded beforehand, see :mod:`exporters.layerwise`; a recipe that wants some does without what is missing.
    """
    recipe = recipe.for_graph(source.stem)
    if recipe.method == "blocks":
        return to_blocks(source, target, recipe.settings, activations, rounded)
    return METHODS[recipe.method](source, target, recipe.settings, activations)


def to_dynamic(source: Path, target: Path, settings: Mapping[str, Any], activations: Mapping[str, Activations]) -> Told:
    """Weights in int8, activations quantized as they come or, of text encoders, by what the samples made of them,
    smoothed before.

    Signed weights are twice as fast as unsigned ones on a processor with VNNI; a scale per channel instead of per
    tensor lifts the cosine of MiniLM's embeddings from 0.96 to 0.99 at the same speed; a reduced range lowers it to
    0.87. Smoothing lifts it from 0.9929 to 0.9980, on sentences that were not among the samples; weights of which no
    pair overflows (:func:`exporters.dynamic.quantize_columns`) leave 0.9977.

    Not for decoders behind an encoder: a step of theirs takes as long as its weights take to be read, whatever the
    kernel, and onnxruntime lets their products overflow on processors without VNNI, since they are in branches. Whisper
    tiny.en wrote 2.6 of 100 words otherwise than in fp32 so, and 0.2 with its decoder in blocks of 8 bits.

    Of ten kinds of seeded encoders, a few channels of which are 8 to 30 times as large as the others, the cosine to
    fp32 is 0.9987 to 0.9999 so, without smoothing 0.949 to 0.996, in blocks of 8 bits 0.995 to 0.999. Of the scores of
    ten decoders it is 0.9966 to 0.9993 in blocks of 8 bits, and 0.965 to 0.9986 made by this.
    """
    model = graphs.load(source, external=False)
    if settings["gelu"] == "tanh":
        tidy(model)
    told: Told = {}
    with _aside(target) as aside:
        ranges = smooth(model, activations, aside).ranges if settings["smoothing"] else {}
        if settings["scales"] == "fixed":
            replaced, fixed = quantize_with_ranges(model, ranges, activations, aside)
            told["scales"] = "fixed" if fixed else "as they come"
        else:
            replaced = quantize_dynamically(model, aside)
        if replaced == 0:
            raise ExportFailure("export-nothing-to-quantize", file=source.name)
        graphs.save(model, target)
    return told


def _aside(target: Path) -> Aside:
    """Where the weights of a graph are until it is saved."""
    return Aside(target.with_name(f"{target.name}.aside"))


def to_float16(source: Path, target: Path, settings: Mapping[str, Any], activations: Mapping[str, Activations]) -> Told:
    """Weights and activations in float16; inputs and outputs stay as they were."""
    model = graphs.load(source, external=False)
    with _aside(target) as aside:
        graphs.save(convert_to_float16(model, aside, keep_io_types=settings["keep_io_types"]), target)
    return {}


def block_settings(settings: Mapping[str, Any]) -> BlockSettings:
    """Out of those of a recipe."""
    return BlockSettings(**{item.name: settings[item.name] for item in fields(BlockSettings)})


def to_blocks(
    source: Path,
    target: Path,
    settings: Mapping[str, Any],
    activations: Mapping[str, Activations] = NOTHING_SEEN,
    rounded: Rounded = NOTHING_ROUNDED,
) -> dict[str, Any]:
    """Weights in blocks of 4 or 8 bits with a scale each (``MatMulNBits``), the embedding shared with a tied head.

    Of 4 bits: SmolLM2-135M on help on Python's grammar and a licence (3,377 tokens), by the bytes that a token reads,
    the KL to fp32 in nats a token and the perplexity (± 1.6 points). The model at hand was made from a 4-bit file; the
    first figure is with every weight moved by up to half a step of that, the second with its own weights.

    - A fifth of the weights in 8 bits, by what was measured (:mod:`exporters.sensitivity`), which is the recipe: 94 MB,
      0.077 and 0.062, +4.0 and +4.9 %. Had each third layer alone been measured: 0.099.
    - Queries, keys, values and head in 8 bits, as in a model that cannot be measured: 104 MB and a tenth more time,
      0.085 and 0.068, +3.1 and +3.3 %.
    - As many bytes as those by what was measured: 0.065 and 0.052, +2.6 and +4.5 %.

    Each weight rounded by itself loses twice what it does by GPTQ on the text that comes with the app (0.168 instead of
    0.080 nats a token on readmes, licences and talks, with queries, keys, values and head in 8 bits); codes and scales
    refined after it take a tenth of the rest. The head costs 0.092 in 4 bits when rounded by itself, by GPTQ 0.022, and
    0.047 if words were looked up in those 4 bits too. Blocks of 64 lose 0.108 and 0.095 where those of 32 lose 0.084
    and 0.066, for 3 % of the time; a zero point for each block would gain some 0.017 for 2.5 % more bytes.

    Weights of 8 bits in blocks of 64 are 6 % fewer bytes and multiplied in up to 13 % less time, but so many
    activations share a scale then too. With channels of one size (:mod:`exporters.rescaling`) that costs nothing. How
    far a model all in 8 bits is from fp32 on texts of five kinds (KL, and how often the same token is the likeliest;
    1,869 tokens): blocks of 32 0.0068 and 95.4 %, of 64 0.0115 and 93.5 %, rescaled of 64 0.0049 and 96.1 %, of 32
    with a head of 64 0.0030 and 96.2 %. What the few samples show of the channels does nearly as well as 2,000 tokens
    of text (0.0046). Of q4 the parts of 8 bits are rescaled too: 0.132 instead of 0.137. Where nothing could be
    rescaled, int8 has blocks of 32.
    """
    model = graphs.load(source, external=False)
    told: dict[str, Any] = {}
    factors: Mapping[str, Factors] = NOT_RESCALED
    if settings.get("rescaling"):
        factors = rescale(model, activations, block_settings(settings), rounded)
        told["rescaled_matrices"] = sum(item.inputs is not None for item in factors.values())
    with _aside(target) as aside:
        if quantize_in_blocks(model, block_settings(settings), aside, rounded, factors) == 0:
            raise ExportFailure("export-nothing-to-quantize", file=source.name)
        merge_products(model, aside)
        if settings.get("float16"):
            model = convert_to_float16(model, aside, keep_io_types=False)
        graphs.save(model, target, external=len(graphs.files_of(source)) > 1)
    return told


def to_static(
    source: Path,
    target: Path,
    calibration: str,
    feeds: Iterable[Feeds],
    on_sample: Callable[[int], None],
    activations: Mapping[str, Activations] = NOTHING_SEEN,
) -> dict[str, Any]:
    """Weights in int8, activations too, with scales that were fixed on samples; returns what the manifest tells of it.

    A convolutional network becomes 8 bits from end to end; of others only the products with weights do, since
    normalization, softmax and GELU lose most and gain nothing.
    """
    told: dict[str, Any] = {"calibration": calibration}
    if convolution_share(operators_of_graph(graphs.load(source, external=False))) > 0:
        samples = quantize_network(source, target, calibration, feeds, on_sample)
        return told | {"samples": samples, "operators": "all", "weight_bits": 7}
    samples, smoothed = quantize_products(source, target, calibration, feeds, on_sample, activations)
    return told | {"samples": samples, "operators": "products", "weight_bits": 8, "smoothing": smoothed > 0}


def keep(source: Path, target: Path, settings: Mapping[str, Any], activations: Mapping[str, Activations]) -> Told:
    """The fp32 graph as it is.

    For encoders of speech. Of 20 clips of read English, some noisy or faster, Whisper tiny.en wrote 0.2 of 100 words
    otherwise than in fp32 with its encoder kept, and 1.05 otherwise than in fp32 of the clean clip (fp32 itself 1.16);
    0.9 and 1.9 with the encoder in blocks of 8 bits, 1.2 and 1.4 with a dynamic one. On a processor without VNNI it
    takes no longer: 44 s of speech in 2.01 s, 2.14 s with blocks, 2.86 s all in fp32.
    """
    graphs.save(graphs.load(source, external=False), target, external=len(graphs.files_of(source)) > 1)
    return {}


METHODS: dict[str, Callable[[Path, Path, Mapping[str, Any], Mapping[str, Activations]], Told]] = {
    "dynamic": to_dynamic,
    "float16": to_float16,
    "kept": keep,
}
