"""What the app and the exporter say to each other, and the table of precisions. Standard library only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "BUILT_ARCHITECTURES",
    "CALIBRATIONS",
    "MANIFEST_SCHEMA",
    "PARTS",
    "PRECISIONS",
    "REFERENCE_SCHEMA",
    "STAGES",
    "ExportAnswer",
    "ExportRequest",
    "Precision",
    "precision_of_suffix",
]

MANIFEST_SCHEMA = 1
REFERENCE_SCHEMA = 1

# How the ranges of static int8 are chosen, the usual way first: the smallest and largest value; those that lose the
# least information; those that leave out one value in 100,000.
CALIBRATIONS = ("minmax", "entropy", "percentile")

# Decoder-only architectures that the model builder of onnxruntime-genai makes a graph of, and its class for each. Only
# those whose greedy tokens were compared with transformers'.
BUILT_ARCHITECTURES: dict[str, str] = {
    "GemmaForCausalLM": "GemmaModel",
    "Gemma3ForCausalLM": "Gemma3Model",
    "GraniteForCausalLM": "GraniteModel",
    "LlamaForCausalLM": "LlamaModel",
    "MistralForCausalLM": "MistralModel",
    "Phi3ForCausalLM": "Phi3MiniModel",
    "Qwen2ForCausalLM": "QwenModel",
    "Qwen3ForCausalLM": "Qwen3Model",
    "SmolLM3ForCausalLM": "SmolLM3Model",
}


@dataclass(frozen=True)
class Precision:
    """One way to store a model's weights.

    ``suffix`` goes behind the graph's name (``model_int8.onnx``), as the hub's ONNX repositories have it, so that
    transformers.js can use our folders and we theirs; ``aliases`` are further names a user may say. ``exportable`` is
    False for what is only found in the repositories of others. With ``tasks`` it is made for these alone. ``note`` is
    what a user should know before choosing it, in English; no full stop.
    """

    name: str
    suffix: str
    aliases: tuple[str, ...] = ()
    exportable: bool = False
    tasks: tuple[str, ...] = ()
    note: str = ""

    def made_for(self, task: str) -> bool:
        """Whether an export of this task, the hub's pipeline tag, can have it."""
        return self.exportable and (not self.tasks or task in self.tasks)


# Tasks of models with one graph that gives its answer in one go: it can be observed on samples.
STATIC_TASKS = (
    *("feature-extraction", "sentence-similarity", "text-classification", "zero-shot-classification"),
    *("token-classification", "question-answering", "fill-mask", "text-ranking"),
    *("image-classification", "object-detection", "image-segmentation", "depth-estimation"),
    *("image-feature-extraction", "zero-shot-image-classification", "zero-shot-object-detection", "image-to-image"),
    "audio-classification",
)

PRECISIONS: dict[str, Precision] = {
    item.name: item
    for item in (
        Precision("fp32", "", ("float32",), exportable=True, note="as exact as the original; the largest"),
        Precision(
            "fp16",
            "_fp16",
            ("float16", "half"),
            exportable=True,
            note="half the size, for GPUs; on a processor no faster than fp32, often slower",
        ),
        Precision(
            "int8",
            "_int8",
            (),
            exportable=True,
            note="a quarter of the size, fastest on a processor; not for convolutional networks, which get slower",
        ),
        Precision(
            "int8-static",
            "_int8_static",
            ("static",),
            exportable=True,
            tasks=STATIC_TASKS,
            note="a quarter of the size; the one for convolutional networks; its scales are fixed on samples",
        ),
        Precision("q8", "_quantized", ("quantized",)),
        Precision("uint8", "_uint8"),
        Precision(
            "q4",
            "_q4",
            ("int4",),
            exportable=True,
            tasks=("text-generation",),
            note="a fifth of the size, writes the fastest; a language model gets somewhat worse, a small one most",
        ),
        Precision(
            "q4f16",
            "_q4f16",
            (),
            exportable=True,
            tasks=("text-generation",),
            note="q4 that reckons in half precision, for GPUs; on a processor slower than q4",
        ),
        Precision("bnb4", "_bnb4"),
    )
}


def precision_of_suffix(stem: str) -> tuple[str, str]:
    """Split a graph's file stem into (graph, precision): ``"model_int8"`` → ``("model", "int8")``."""
    for item in sorted(PRECISIONS.values(), key=lambda item: -len(item.suffix)):
        if item.suffix and stem.endswith(item.suffix):
            return stem[: -len(item.suffix)], item.name
    return stem, "fp32"


# The stages of an export in their order, as `progress` messages name them.
STAGES = ("stage", "load", "reference", "export", "quantize", "verify", "publish", "receipt")


# What a worker does of an export: all of it; the reference answers and torch's graphs, whatever the precisions; or what
# is made of the graphs that the worker before it has left.
PARTS = ("all", "fp32", "others")


@dataclass(frozen=True)
class ExportRequest:
    """The body of the one ``request`` an export worker gets.

    ``source`` is the staged, sanitised copy of the checkpoint; results go below ``output`` in the layout of the hub.
    ``task`` is the hub's pipeline tag, ``export_task`` Optimum's name of what to export, ``precisions`` keys of
    :data:`PRECISIONS`, none where the checkpoint is only to answer. ``samples`` are inputs as the task takes them: a
    text, the path of a picture or of a sound file, or a mapping of fields. ``own_samples`` are a user's: one that
    cannot be answered is passed over. With ``reuse_fp32`` the fp32 graphs and the reference answers already lie below
    ``output`` and are not made again. ``calibration`` is one of :data:`CALIBRATIONS`; ``calibration_text`` is
    what language models are rounded by. ``part`` is one of :data:`PARTS`.
    """

    source: str
    output: str
    task: str
    export_task: str
    precisions: Sequence[str]
    samples: Sequence[Any] = ()
    allow_pickle: bool = False
    reuse_fp32: bool = False
    own_samples: bool = False
    calibration: str = CALIBRATIONS[0]
    calibration_text: str = ""
    part: str = PARTS[0]

    def to_body(self, method: str = "export") -> dict[str, Any]:
        """``answer`` only asks the checkpoint for its answers to the samples, into ``output`` itself."""
        return {"method": method, **asdict(self)}

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ExportRequest:
        return cls(**{name: value for name, value in body.items() if name != "method"})


@dataclass(frozen=True)
class ExportAnswer:
    """The body of the ``result`` of an export.

    ``files`` maps each precision to its files, relative to the output folder with forward slashes; ``recipes`` tells
    how each was made; ``skipped`` are the numbers of own samples that could not be answered, each with the reason.
    Times are seconds by stage, ``peak_rss_bytes`` the most memory the worker had.
    """

    files: Mapping[str, Sequence[str]]
    recipes: Mapping[str, Mapping[str, Any]]
    versions: Mapping[str, str]
    reference_samples: int
    times_s: Mapping[str, float]
    peak_rss_bytes: int
    skipped: Sequence[Sequence[Any]] = ()

    def to_body(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_body(cls, body: Mapping[str, Any]) -> ExportAnswer:
        return cls(**body)
