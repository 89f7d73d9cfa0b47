"""Classes that are named with the text, by a model of entailment. The reference is transformers' ``pipeline``.

Each label makes a hypothesis ("This example is about cooking."), and the model says how far the text entails it. One of
the labels is right: softmax over their entailments. Any of them may be: entailment against contradiction, each for
itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError, ModelError, UsageError
from workbench.results import Labels
from workbench.runtime.text import Tokens
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.catalog import check_params, task_info
from workbench.tasks.classes import best_labels, class_scores
from workbench.tasks.scores import softmax
from workbench.tasks.text_inputs import kind_of
from workbench.tasks.text_logits import TextLogits

__all__ = ["PIPELINE", "Prepared", "ZeroShotClassification"]

TEMPLATE = "This example is {}."
PLACE = "{}"
TEXT_FIELDS = ("text", "inputs", "sequence", "sequences")
PARAM_FIELDS = ("candidate_labels", "hypothesis_template", "multi_label")
EXPECTED = 'a text, or {"text": …, "candidate_labels": […]}'


@dataclass(frozen=True)
class Prepared:
    """The text with the hypothesis of each label."""

    labels: tuple[str, ...]
    pairs: tuple[Tokens, ...]
    multi_label: bool


class ZeroShotClassification(TextLogits):
    """An input is a text, or ``{"text", "candidate_labels"}`` with what belongs to this text alone."""

    stage = "classify"

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: no tokenizer, a graph that is no classifier, no class for entailment."""
        super().__init__(files, sessions)
        self._entailment = _entailment(files)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError, UsageError for a template that has no place for the label."""
        text, own = _read(item)
        given = check_params(task_info("zero-shot-classification"), {**params, **own})
        labels = tuple(label for label in given["candidate_labels"] or () if label.strip())
        if not labels:
            raise InputError("zero-shot-no-labels")
        template = given["hypothesis_template"] or TEMPLATE
        if PLACE not in template:
            expected = f"a sentence with {PLACE} where the label goes"
            raise UsageError("usage-bad-param", name="hypothesis_template", value=template, expected=expected)
        pairs: list[Tokens] = []
        for label in labels:
            # What is cut off is the same text each time, and said once.
            told = Run(cancellation=run.cancellation) if pairs else run
            pairs.append(self._tokenizer.encode(text, template.replace(PLACE, label), run=told, whole_pair=True))
        return Prepared(labels, tuple(pairs), bool(given["multi_label"]))

    def rows(self, prepared: Prepared) -> Sequence[Tokens]:
        """One pair a label: ``logits`` float [labels, classes]."""
        return prepared.pairs

    def postprocess(self, outputs: Outputs, prepared: Prepared, params: Mapping[str, Any], run: Run) -> Labels:
        logits = class_scores(outputs[self._output], self.files, "none")
        if prepared.multi_label or len(prepared.labels) == 1:
            other = -1 if self._entailment == 0 else 0
            scores = softmax(logits[:, [other, self._entailment]])[:, 1]
        else:
            scores = softmax(logits[:, self._entailment])
        return best_labels(scores, dict(enumerate(prepared.labels)), None)


def _read(item: Any) -> tuple[str, dict[str, Any]]:
    """The text, and what of the parameters stands beside it, also below ``parameters`` as the hub's API has it."""
    if isinstance(item, str):
        return item, {}
    if isinstance(item, Mapping):
        values = dict(item)
        inner = values.pop("parameters", None) or {}
        texts = [values.pop(name) for name in TEXT_FIELDS if name in values]
        known = isinstance(inner, Mapping) and set(values) | set(inner) <= set(PARAM_FIELDS)
        if known and len(texts) == 1 and isinstance(texts[0], str):
            return texts[0], {**inner, **values}
    raise InputError("text-bad-input", expected=EXPECTED, got=kind_of(item))


def _entailment(files: ModelFiles) -> int:
    """The class that says that the text entails the hypothesis. Raises ModelError."""
    of_label = files.config.get("label2id")
    named = of_label.items() if isinstance(of_label, Mapping) else ()
    for label, number in (*named, *((label, number) for number, label in files.labels.items())):
        if str(label).lower().startswith("entail"):
            if number not in files.labels:
                raise ModelError("model-files-disagree", file=files.folder / "config.json", name="label2id")
            return int(number)
    raise ModelError(
        "zero-shot-no-entailment", file=files.folder / "config.json", labels=", ".join(files.labels.values())
    )


PIPELINE = ZeroShotClassification
