"""What a page says to a question, by Donut, which reads pages by itself. The reference is transformers'
``pipeline("document-question-answering")`` for such models; that one gives no scores for them either.

The question stands in what the decoder begins with, and the answer is what it writes between two marks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from workbench.errors import InputError, ModelError
from workbench.results import Text
from workbench.runtime.document_images import DonutImages, is_donut
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.images import load_image
from workbench.runtime.text import TextTokenizer
from workbench.tasks.base import Array, ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.text_inputs import fields_of
from workbench.tasks.written import Writer, WritingPipeline

__all__ = ["PIPELINE", "DocumentQuestionAnswering", "Prepared"]

# What transformers' pipeline sets by itself.
PIPELINE_SETTINGS = {"max_new_tokens": 256}
PROMPT = "<s_docvqa><s_question>{}</s_question><s_answer>"
MARKS = ("<s_docvqa>", "<s_question>", "</s_question>", "<s_answer>", "</s_answer>")
FIRST_MARK = re.compile("<.*?>")
ANSWER = re.compile("<s_answer>(.*)</s_answer>")
BEGUN = re.compile("<s_answer>(.*)")
KEY = "answer"


@dataclass(frozen=True)
class Prepared:
    """``pixel_values`` float32 [1, 3, height, width], the tokens that the decoder begins with, and how to write."""

    pixel_values: Array
    prompt: tuple[int, ...]
    settings: GenerationSettings


class DocumentQuestionAnswering(WritingPipeline):
    """An input is ``{"image", "question"}``, the path of a picture and a text."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: a missing or broken file, a setting or an input of a graph that is not known, a model that
        was not taught to answer."""
        self._tokenizer = TextTokenizer(files)
        super().__init__(files, sessions, self._tokenizer.vocabulary(), KEY)
        missing = [mark for mark in MARKS if self._tokenizer.token_id(mark) in (None, self._tokenizer.unknown_id)]
        if missing or not is_donut(files):
            raise ModelError(
                "document-not-asked", folder=files.folder, missing=", ".join(missing) or "Donut's pictures"
            )
        self._images = DonutImages(files)
        self._settings = GenerationSettings.of_model(files, PIPELINE_SETTINGS, "document-question-answering")
        ends = (self._tokenizer.eos_id, self._tokenizer.pad_id)
        self._dropped = tuple(self._tokenizer.token(number) for number in ends if number is not None)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no picture, and for a question that leaves no room for an answer."""
        values = fields_of(item, ("image", "question"))
        if not values["question"].strip():
            raise InputError("text-empty-field", name="question")
        prompt = tuple(self._tokenizer.plain_ids(PROMPT.format(values["question"])))
        settings = self._settings.asked(params)
        if settings.positions and len(prompt) >= settings.positions:
            raise InputError("document-question-long", tokens=len(prompt), limit=settings.positions)
        pixels = self._images(load_image(values["image"], run), values["image"])
        return Prepared(pixels, prompt, settings)

    def encoder_feeds(self, prepared: Prepared) -> Mapping[str, Array]:
        return {"pixel_values": prepared.pixel_values}

    def prompt(self, prepared: Prepared) -> Sequence[int]:
        return prepared.prompt

    def writer_for(self, prepared: Prepared) -> Writer:
        return self._writer.showing(lambda tokens: self._answer(prepared, tokens, BEGUN) or "")

    def postprocess(self, outputs: Outputs, prepared: Any, params: Mapping[str, Any], run: Run) -> Text:
        """The answer; an empty one, with a warning, where the model did not end one."""
        tokens = outputs["token_ids"].tolist()
        written = super().postprocess(outputs, prepared, params, run)
        answer = self._answer(prepared, tokens, ANSWER)
        if answer is None:
            run.warn("document-no-answer", text=(self._answer(prepared, tokens, BEGUN) or "")[:200])
        return replace(written, text=answer or "")

    def _answer(self, prepared: Prepared, tokens: Sequence[int], form: re.Pattern[str]) -> str | None:
        """What stands between the marks of an answer, None where they are not there."""
        text = self._tokenizer.decode([*prepared.prompt, *tokens], special=True)
        for token in self._dropped:
            text = text.replace(token, "")
        found = form.search(FIRST_MARK.sub("", text, count=1).strip())
        return found.group(1).strip() if found else None


PIPELINE = DocumentQuestionAnswering
