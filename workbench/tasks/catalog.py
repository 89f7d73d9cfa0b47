"""Every task as plain data: what it takes, its parameters, what it returns. Any front may import this."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from workbench.errors import UsageError

__all__ = ["TASKS", "InputKind", "Param", "TaskInfo", "check_params", "same_graph", "task_info"]

InputKind = Literal["text", "image", "audio", "fields"]


@dataclass(frozen=True)
class Param:
    """One parameter of a task, declared once for the form, ``--help`` and the REST schema.

    ``type`` is that of the value; ``default`` None means "as the model's own files say".
    """

    name: str
    type: type[int] | type[float] | type[str] | type[bool]
    default: int | float | str | bool | None
    help: str
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


@dataclass(frozen=True)
class TaskInfo:
    """A task. ``id`` is the hub's pipeline tag; ``export_task`` Optimum's name for the graph it needs.

    ``input`` is what one input is; ``fields`` names the keys when it is structured. ``gathers`` tasks work on all
    inputs of a call together (several texts make one similarity matrix). ``graphs`` are the ONNX files it needs,
    each entry a set of alternatives in order of preference. ``architectures`` are endings of class names in a
    ``config.json`` that mean this task when the card does not say. An export is verified by the task ``verified_as``
    with the parameters ``verified_with``, where one sample alone is no input of the task itself.
    """

    id: str
    title: str
    input: InputKind
    result: str
    export_task: str
    architectures: tuple[str, ...]
    verified_as: str = ""
    verified_with: Mapping[str, Any] = field(default_factory=dict)
    graphs: tuple[tuple[str, ...], ...] = (("model",),)
    fields: tuple[str, ...] = ()
    gathers: bool = False
    params: tuple[Param, ...] = ()

    @property
    def module(self) -> str:
        """The module of ``workbench.tasks`` that holds its pipeline."""
        return self.id.replace("-", "_")


TOP_K = Param("top_k", int, None, "How many labels to return, the likeliest first", minimum=1)
FUNCTION = Param(
    "function_to_apply", str, None, "How scores become probabilities", choices=("softmax", "sigmoid", "none")
)

TASKS: dict[str, TaskInfo] = {
    item.id: item
    for item in (
        TaskInfo(
            id="feature-extraction",
            title="Text embeddings",
            input="text",
            result="Embedding",
            export_task="feature-extraction",
            architectures=(),
            params=(
                Param(
                    "pooling",
                    str,
                    "none",
                    "How token vectors become one: 'model' does what the model's own files say",
                    choices=("none", "model", "mean", "cls", "max"),
                ),
                Param("normalize", bool, None, "Scale a pooled vector to length 1"),
            ),
        ),
        TaskInfo(
            id="sentence-similarity",
            title="Sentence similarity",
            input="fields",
            fields=("source_sentence", "sentences"),
            gathers=True,
            result="Similarity",
            export_task="feature-extraction",
            architectures=(),
            verified_as="feature-extraction",
            verified_with={"pooling": "model"},
        ),
        TaskInfo(
            id="text-classification",
            title="Text classification",
            input="text",
            result="Labels",
            export_task="text-classification",
            architectures=("ForSequenceClassification",),
            params=(TOP_K, FUNCTION),
        ),
        TaskInfo(
            id="token-classification",
            title="Token classification",
            input="text",
            result="Spans",
            export_task="token-classification",
            architectures=("ForTokenClassification",),
            params=(
                Param(
                    "aggregation_strategy",
                    str,
                    "simple",
                    "How tokens are grouped into entities",
                    choices=("none", "simple", "first", "average", "max"),
                ),
            ),
        ),
        TaskInfo(
            id="image-classification",
            title="Image classification",
            input="image",
            result="Labels",
            export_task="image-classification",
            architectures=("ForImageClassification",),
            params=(TOP_K, FUNCTION),
        ),
        TaskInfo(
            id="automatic-speech-recognition",
            title="Speech to text",
            input="audio",
            result="Transcript",
            export_task="automatic-speech-recognition-with-past",
            architectures=("WhisperForConditionalGeneration",),
            # Older repositories have the decoder in two graphs, with and without a cache.
            graphs=(
                ("encoder_model",),
                ("decoder_model_merged", "decoder_model"),
                ("decoder_model_merged", "decoder_with_past_model"),
            ),
            params=(
                Param("language", str, None, "The language spoken, as the model names it ('en'); none: detected"),
                Param(
                    "task", str, "transcribe", "Write down or translate to English", choices=("transcribe", "translate")
                ),
                Param("return_timestamps", bool, True, "Cut the text into segments with times"),
            ),
        ),
        TaskInfo(
            id="text-generation",
            title="Text generation",
            input="text",
            result="Text",
            export_task="text-generation-with-past",
            architectures=("ForCausalLM", "LMHeadModel"),
            graphs=(("model", "decoder_model_merged"),),
            params=(
                Param("max_new_tokens", int, 128, "How many tokens to add at most", minimum=1),
                Param("stop", str, None, "End before this text"),
            ),
        ),
    )
}


def task_info(task: str) -> TaskInfo:
    """The task of this id. Raises UsageError with the known ones."""
    try:
        return TASKS[task]
    except KeyError:
        raise UsageError("usage-unknown-task", task=task, known=", ".join(TASKS)) from None


def same_graph(task: str, other: str) -> bool:
    """Whether an export made for one task serves the other as well."""
    return task in TASKS and other in TASKS and TASKS[task].export_task == TASKS[other].export_task


def check_params(task: TaskInfo, given: Mapping[str, Any]) -> dict[str, Any]:
    """All parameters of a task with their values: those given, converted and checked, else the defaults.

    Values may be strings, as a command line has them. Raises UsageError.
    """
    known = {param.name: param for param in task.params}
    for name in given:
        if name not in known:
            names = ", ".join(known) or "none"
            raise UsageError("usage-unknown-param", task=task.id, name=name, known=names)
    return {name: _convert(param, given[name]) if name in given else param.default for name, param in known.items()}


def _convert(param: Param, value: Any) -> Any:
    expected = param.type.__name__
    if param.choices:
        expected = "one of " + ", ".join(param.choices)
    try:
        if value is None:
            return None
        if isinstance(value, str) and param.type is not str:
            value = json.loads(value.strip().lower() if param.type is bool else value)
        if param.type is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not param.type or (param.choices and value not in param.choices):
            raise ValueError
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError
    except ValueError:
        raise UsageError("usage-bad-param", name=param.name, value=value, expected=expected) from None
    outside = isinstance(value, (int, float)) and (
        (param.minimum is not None and value < param.minimum) or (param.maximum is not None and value > param.maximum)
    )
    if outside:
        low = "…" if param.minimum is None else param.minimum
        high = "…" if param.maximum is None else param.maximum
        raise UsageError("usage-bad-param", name=param.name, value=value, expected=f"{low} to {high}")
    return value
