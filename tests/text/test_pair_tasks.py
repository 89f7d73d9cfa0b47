"""question-answering, fill-mask, zero-shot-classification and text-ranking on graphs whose logits are known."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel

from tests.text.models import write_files
from workbench.errors import EngineError, InputError, ModelError, UsageError, WorkbenchError
from workbench.results import Answers, Fills, Labels, Ranking
from workbench.tasks.base import Array, ModelFiles, Outputs, Run
from workbench.tasks.catalog import check_params, task_info
from workbench.tasks.fill_mask import FillMask
from workbench.tasks.question_answering import QuestionAnswering
from workbench.tasks.text_ranking import TextRanking
from workbench.tasks.zero_shot_classification import ZeroShotClassification

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "who", "Anna", "Bob", "in", "Rome", "sings", "cats", "dogs")
NLI = {"0": "contradiction", "1": "neutral", "2": "entailment"}
EVERY_LENGTH = 16


class Lookup:
    """Looks up numbers for each token; of ``summed`` outputs, their sum over the text without padding."""

    def __init__(self, tables: Mapping[str, Array], *, summed: bool) -> None:
        self._tables = tables
        self._summed = summed
        self.input_names = ("input_ids", "attention_mask")
        self.output_names = tuple(tables)
        self.input_dtypes = dict.fromkeys(self.input_names, np.dtype(np.int64))
        self.input_shapes: dict[str, tuple[int | str | None, ...]] = dict.fromkeys(
            self.input_names, ("batch", "tokens")
        )

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        mask = feeds["attention_mask"].astype(np.float32)
        found = {name: self._tables[name][feeds["input_ids"]] for name in outputs or self.output_names}
        return {
            name: np.einsum("bt...,bt->b...", value, mask) if self._summed else value for name, value in found.items()
        }


def files_of(folder: Path, **config: Any) -> ModelFiles:
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.add_special_tokens([AddedToken(word, special=True) for word in WORDS[:5]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    settings = {name: f"[{name[:-6].upper()}]" for name in ("pad_token", "cls_token", "sep_token", "mask_token")}
    base = {"model_type": "bert", "max_position_embeddings": EVERY_LENGTH, "pad_token_id": 0}
    return write_files(folder, tokenizer=tokenizer, config={**base, **config}, settings=settings)


def table(**numbers: Any) -> Array:
    """A row for each word, zeros where none is given."""
    width = np.shape(next(iter(numbers.values())))
    rows = np.zeros((len(WORDS), *width), np.float32)
    for word, value in numbers.items():
        rows[WORDS.index(word)] = value
    return rows


def params(task: str, **given: Any) -> dict[str, Any]:
    return check_params(task_info(task), given)


# --- question-answering ---


def reader(folder: Path, start: Array | None = None, end: Array | None = None, **config: Any) -> QuestionAnswering:
    logits = {
        "start_logits": table(Anna=4.0, Rome=1.0) if start is None else start,
        "end_logits": table(Anna=3.0, Rome=2.0) if end is None else end,
    }
    return QuestionAnswering(files_of(folder, **config), {"model": Lookup(logits, summed=False)})


def answers(pipeline: QuestionAnswering, question: str, context: str, run: Run | None = None, **given: Any) -> Answers:
    item = {"question": question, "context": context}
    result = pipeline(item, params("question-answering", **given), run or Run())
    assert isinstance(result, Answers)
    return result


def test_an_answer_is_the_likeliest_span(tmp_path: Path) -> None:
    # The context and the token before everything: Anna 4, sings 0, in 0, Rome 1, [CLS] 0.
    start = math.exp(4) / (math.exp(4) + math.exp(1) + 3)
    end = math.exp(3) / (math.exp(3) + math.exp(2) + 3)
    (found,) = answers(reader(tmp_path), "who", "Anna sings in Rome").answers
    assert (found.answer, found.start, found.end) == ("Anna", 0, 4)
    assert found.score == pytest.approx(start * end, rel=1e-5)


def test_a_question_is_no_answer(tmp_path: Path) -> None:
    found = answers(reader(tmp_path), "Anna", "Bob in Rome", top_k=20).answers
    assert "Anna" not in {item.answer for item in found}
    assert found[0].answer == "Rome"


def test_a_tokenizer_that_pads_on_the_left_has_the_context_first(tmp_path: Path) -> None:
    pipeline = reader(tmp_path)
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8")) | {"padding_side": "left"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    pipeline = QuestionAnswering(pipeline.files, pipeline.sessions)
    given = params("question-answering", doc_stride=2)
    prepared = pipeline.preprocess({"question": "Anna", "context": "cats " * 20 + "Rome"}, given, Run())
    assert [window.ids[-2] for window in prepared.windows] == [WORDS.index("Anna")] * len(prepared.windows)
    assert len(prepared.windows) > 1
    assert answers(pipeline, "Anna", "cats " * 20 + "Rome").answers[0].answer == "Rome"


def test_answers_are_as_many_and_as_long_as_asked_for(tmp_path: Path) -> None:
    pipeline = reader(tmp_path)
    found = answers(pipeline, "who", "Anna sings in Rome", top_k=3).answers
    assert [item.answer for item in found] == ["Anna", "Anna sings in Rome", "Anna sings"]
    short = answers(pipeline, "who", "Anna sings in Rome", top_k=99, max_answer_len=2).answers
    assert max(len(item.answer.split()) for item in short) == 2
    assert len(short) == 7


def test_no_answer_is_one_where_it_is_allowed(tmp_path: Path) -> None:
    pipeline = reader(tmp_path, start=table(**{"[CLS]": 9.0}), end=table(**{"[CLS]": 9.0}))
    assert answers(pipeline, "who", "Anna sings").answers[0].answer != ""
    (found,) = answers(pipeline, "who", "Anna sings", handle_impossible_answer=True).answers
    assert (found.answer, found.start, found.end) == ("", 0, 0)
    assert found.score > 0.99


def test_a_long_context_is_read_to_its_end(tmp_path: Path) -> None:
    context = "cats " * 50 + "Anna " + "dogs " * 50
    (found,) = answers(reader(tmp_path), "who", context).answers
    assert context[found.start : found.end] == "Anna"
    assert found.start == 250
    # Each stretch that shows the answer gives its own probability; they add up.
    assert found.score > 1


def test_a_hundred_thousand_words_are_an_answer(tmp_path: Path) -> None:
    context = "cats " * 99_999 + "Anna"
    sure = table(**{"[CLS]": 10.0, "Anna": 20.0})
    pipeline = reader(tmp_path, sure, sure, max_position_embeddings=512)
    assert answers(pipeline, "who", context).answers[0].answer == "Anna"
    with pytest.raises(InputError) as caught:
        answers(reader(tmp_path), "who " * 100_000, "Anna")
    assert caught.value.code == "text-no-room"


def test_stretches_have_the_length_and_the_overlap_that_was_asked_for(tmp_path: Path) -> None:
    pipeline = reader(tmp_path)
    given = params("question-answering", max_seq_len=10, doc_stride=2)
    prepared = pipeline.preprocess({"question": "who", "context": "cats " * 11}, given, Run())
    # 10 tokens are a question, three around it and 6 of the context.
    assert [len(window) for window in prepared.windows] == [10, 10, 7]
    assert [window.offsets[3][0] for window in prepared.windows] == [0, 20, 40]


def test_a_parameter_that_is_null_has_its_default(tmp_path: Path) -> None:
    pipeline, given = reader(tmp_path), dict.fromkeys(params("question-answering"))
    assert pipeline({"question": "who", "context": "Anna sings in Rome"}, given, Run()) == answers(
        pipeline, "who", "Anna sings in Rome"
    )
    assert filler(tmp_path)("[MASK]", dict.fromkeys(params("fill-mask")), Run()) == fills(filler(tmp_path), "[MASK]")


def test_only_so_much_of_a_question_is_read(tmp_path: Path) -> None:
    pipeline = reader(tmp_path)
    given = params("question-answering", max_question_len=2)
    prepared = pipeline.preprocess({"question": "who sings " * 9, "context": "Anna"}, given, Run())
    assert prepared.question == "who sings"
    assert len(prepared.windows[0]) == 6


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ("who", "text-bad-input"),
        ({}, "text-bad-input"),
        ({"question": "who"}, "text-bad-input"),
        ({"question": "who", "context": None}, "text-bad-input"),
        ({"question": ["who"], "context": "Anna"}, "text-bad-input"),
        ({"question": "who", "context": "Anna", "more": "x"}, "text-bad-input"),
        ({"question": "", "context": "Anna"}, "text-empty-field"),
        ({"question": "who", "context": " \n"}, "text-empty-field"),
        ({"question": "who " * 15, "context": "Anna"}, "text-no-room"),
    ],
)
def test_what_is_no_question_with_a_context_is_refused(tmp_path: Path, item: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        reader(tmp_path)(item, params("question-answering"), Run())
    assert caught.value.code == code


@pytest.mark.parametrize(("stride", "error"), [(16, UsageError), (12, InputError)])
def test_stretches_must_get_on(tmp_path: Path, stride: int, error: type[WorkbenchError]) -> None:
    with pytest.raises(error):
        answers(reader(tmp_path), "who", "cats " * 40, doc_stride=stride)


def test_a_reader_without_its_outputs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        QuestionAnswering(files_of(tmp_path), {"model": Lookup({"logits": table(Anna=1.0)}, summed=False)})
    assert caught.value.arguments["wanted"] == "start_logits"


def test_logits_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError):
        answers(reader(tmp_path, start=table(Anna=math.nan)), "who", "Anna sings")


# --- fill-mask ---

MASKED = np.zeros((len(WORDS), len(WORDS)), np.float32)
MASKED[4, [6, 7, 9]] = [3, 2, 1]


def filler(folder: Path, logits: Array = MASKED) -> FillMask:
    return FillMask(files_of(folder), {"model": Lookup({"logits": logits}, summed=False)})


def fills(pipeline: FillMask, text: Any, run: Run | None = None, **given: Any) -> Fills:
    result = pipeline(text, params("fill-mask", **given), run or Run())
    assert isinstance(result, Fills)
    return result


def test_a_mask_is_filled_with_the_likeliest_words(tmp_path: Path) -> None:
    (found,) = fills(filler(tmp_path), "[MASK] sings", top_k=3).masks
    total = sum(math.exp(n) for n in (3, 2, 1)) + len(WORDS) - 3
    assert [(fill.word, fill.text) for fill in found] == [
        ("Anna", "Anna sings"),
        ("Bob", "Bob sings"),
        ("Rome", "Rome sings"),
    ]
    assert [fill.score for fill in found] == pytest.approx([math.exp(n) / total for n in (3, 2, 1)])


def test_each_of_several_masks_is_filled(tmp_path: Path) -> None:
    result = fills(filler(tmp_path), "[MASK] in [MASK]", top_k=1)
    assert [mask[0].text for mask in result.masks] == ["[CLS] Anna in [MASK] [SEP]", "[CLS] [MASK] in Anna [SEP]"]
    assert len(result.to_json()) == 2


def test_the_mask_of_another_family_is_understood(tmp_path: Path) -> None:
    assert fills(filler(tmp_path), "<mask> sings") == fills(filler(tmp_path), "[MASK] sings")


def test_only_the_words_that_are_asked_for(tmp_path: Path) -> None:
    run = Run()
    (found,) = fills(filler(tmp_path), "[MASK] sings", run, targets=["Rome", "cats", "Anna Bob", "  "]).masks
    assert [fill.word for fill in found] == ["Anna", "Rome", "cats"]
    assert [notice.code for notice in run.notices] == ["fill-target-cut", "fill-target-unknown"]
    with pytest.raises(UsageError):
        fills(filler(tmp_path), "[MASK]", targets=[" "])


@pytest.mark.parametrize("text", ["", "Anna sings", "cats " * 99_999 + "[MASK]"])
def test_a_text_needs_a_mask_where_the_model_reads(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        fills(filler(tmp_path), text)
    assert (caught.value.code, caught.value.arguments["mask"]) == ("text-no-mask", "[MASK]")


def test_a_model_without_a_mask_is_refused(tmp_path: Path) -> None:
    files = files_of(tmp_path)
    (tmp_path / "tokenizer_config.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError) as caught:
        FillMask(files, {"model": Lookup({"logits": MASKED}, summed=False)})
    assert caught.value.code == "tokenizer-no-mask"


# --- zero-shot-classification ---


def chooser(folder: Path, names: Mapping[str, str] = NLI, **config: Any) -> ZeroShotClassification:
    logits = {"logits": table(cats=[1.0, 0, 3], dogs=[2.0, 0, 1])}
    return ZeroShotClassification(files_of(folder, id2label=names, **config), {"model": Lookup(logits, summed=True)})


def chosen(pipeline: ZeroShotClassification, item: Any, **given: Any) -> dict[str, float]:
    result = pipeline(item, params("zero-shot-classification", **given), Run())
    assert isinstance(result, Labels)
    return {label.label: label.score for label in result.labels}


def softmax(*values: float) -> float:
    """Of the first of these."""
    return math.exp(values[0]) / sum(math.exp(value) for value in values)


def test_one_of_the_labels_is_right(tmp_path: Path) -> None:
    found = chosen(chooser(tmp_path), "Anna", candidate_labels=["dogs", "cats"])
    assert list(found) == ["cats", "dogs"]
    assert found["cats"] == pytest.approx(softmax(3, 1))


@pytest.mark.parametrize(
    "given", [{"candidate_labels": ["cats"]}, {"candidate_labels": ["cats", "dogs"], "multi_label": True}]
)
def test_each_label_for_itself(tmp_path: Path, given: dict[str, Any]) -> None:
    found = chosen(chooser(tmp_path), "Anna", **given)
    assert found["cats"] == pytest.approx(softmax(3, 1))
    assert found.get("dogs", softmax(1, 2)) == pytest.approx(softmax(1, 2))


@pytest.mark.parametrize(
    "item",
    [
        {"text": "Anna", "candidate_labels": ["dogs", "cats"]},
        {"inputs": "Anna", "candidate_labels": "dogs, cats"},
        {"sequence": "Anna", "parameters": {"candidate_labels": ["dogs", "cats"], "multi_label": False}},
    ],
)
def test_an_input_may_have_its_own_labels(tmp_path: Path, item: Any) -> None:
    assert chosen(chooser(tmp_path), item, candidate_labels=["sings"]) == {
        "cats": pytest.approx(softmax(3, 1)),
        "dogs": pytest.approx(softmax(1, 3)),
    }


def test_the_place_of_entailment_is_told_by_its_name(tmp_path: Path) -> None:
    pipeline = chooser(tmp_path, {"0": "Entailment", "1": "x", "2": "y"})
    # Against the last class, which is the other one where entailment is the first.
    assert chosen(pipeline, "Anna", candidate_labels=["cats"])["cats"] == pytest.approx(softmax(1, 3))
    other = chooser(tmp_path, {"0": "a", "1": "b", "2": "c"}, label2id={"a": 0, "entails": 1, "c": 2})
    assert chosen(other, "Anna", candidate_labels=["cats"])["cats"] == pytest.approx(softmax(0, 1))


def test_a_hypothesis_is_never_cut(tmp_path: Path) -> None:
    run = Run()
    given = params("zero-shot-classification", candidate_labels=["cats", "dogs"], hypothesis_template="{}")
    long = chooser(tmp_path)("Anna " * 100_000, given, run)
    assert isinstance(long, Labels)
    assert long.labels[0].label == "cats"
    assert [notice.code for notice in run.notices] == ["text-truncated"]
    with pytest.raises(InputError) as caught:
        chosen(chooser(tmp_path), "Anna", candidate_labels=["cats " * 20])
    assert caught.value.code == "text-no-room"


@pytest.mark.parametrize(
    ("item", "given", "code"),
    [
        ("Anna", {}, "zero-shot-no-labels"),
        ("Anna", {"candidate_labels": [" ", ""]}, "zero-shot-no-labels"),
        ({"text": "Anna", "candidate_labels": []}, {}, "zero-shot-no-labels"),
        ({"text": "Anna", "candidate_labels": [3]}, {}, "usage-bad-param"),
        ("Anna", {"candidate_labels": ["a"], "hypothesis_template": "of no label"}, "usage-bad-param"),
        ({"candidate_labels": ["a"]}, {}, "text-bad-input"),
        ({"text": "a", "inputs": "b", "candidate_labels": ["a"]}, {}, "text-bad-input"),
        ({"text": 3, "candidate_labels": ["a"]}, {}, "text-bad-input"),
        ({"text": "a", "labels": ["a"]}, {}, "text-bad-input"),
        (["Anna"], {"candidate_labels": ["a"]}, "text-bad-input"),
        (None, {"candidate_labels": ["a"]}, "text-bad-input"),
    ],
)
def test_what_lacks_a_text_or_labels_is_refused(tmp_path: Path, item: Any, given: Any, code: str) -> None:
    with pytest.raises(WorkbenchError) as caught:
        chosen(chooser(tmp_path), item, **given)
    assert caught.value.code == code


def test_an_empty_text_is_classified(tmp_path: Path) -> None:
    assert len(chosen(chooser(tmp_path), "", candidate_labels=["cats", "dogs"])) == 2


def test_a_classifier_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        chooser(tmp_path, {"0": "glad", "1": "sad", "2": "calm"})
    assert caught.value.code == "zero-shot-no-entailment"


def test_a_place_of_entailment_that_is_no_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        chooser(tmp_path, NLI, label2id={"entailment": 7})
    assert caught.value.code == "model-files-disagree"


# --- text-ranking ---


def ranker(folder: Path, names: Mapping[str, str] | None = None) -> TextRanking:
    logits = {"logits": table(cats=[2.0], dogs=[-1.0])}
    files = files_of(folder, id2label=names or {"0": "LABEL_0"})
    return TextRanking(files, {"model": Lookup(logits, summed=True)})


def ranking(pipeline: TextRanking, item: Any, **given: Any) -> Ranking:
    result = pipeline(item, params("text-ranking", **given), Run())
    assert isinstance(result, Ranking)
    return result


def test_texts_stand_in_the_order_of_their_logits(tmp_path: Path) -> None:
    result = ranking(ranker(tmp_path), {"query": "Anna", "texts": ["dogs", "Rome", "cats cats", "Rome"]})
    assert [(rank.index, rank.score) for rank in result.ranks] == [(2, 4), (1, 0), (3, 0), (0, -1)]
    assert result.query == "Anna"
    assert result.ranks[0].text == "cats cats"


def test_a_score_can_be_a_probability(tmp_path: Path) -> None:
    item = {"query": "Anna", "texts": ["dogs", "cats"]}
    (first,) = ranking(ranker(tmp_path), item, function_to_apply="sigmoid", top_k=1).ranks
    assert first.score == pytest.approx(1 / (1 + math.exp(-2)))


@pytest.mark.parametrize(
    "item",
    [
        "Anna",
        {"query": "Anna"},
        {"query": "Anna", "texts": []},
        {"query": "Anna", "texts": "cats"},
        {"query": "Anna", "texts": ["cats", 3]},
        {"query": 3, "texts": ["cats"]},
        {"query": "Anna", "texts": ["cats"], "documents": []},
    ],
)
def test_what_is_no_query_with_texts_is_refused(tmp_path: Path, item: Any) -> None:
    with pytest.raises(InputError) as caught:
        ranking(ranker(tmp_path), item)
    assert caught.value.code == "text-bad-input"


def test_a_list_without_texts_is_called_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'texts': empty list"):
        ranking(ranker(tmp_path), {"query": "Anna", "texts": []})


def test_empty_and_endless_texts_are_ranked(tmp_path: Path) -> None:
    result = ranking(ranker(tmp_path), {"query": "", "texts": ["", "cats " * 100_000]})
    assert [rank.index for rank in result.ranks] == [1, 0]


def test_a_model_with_several_labels_does_not_rank(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        ranker(tmp_path, {"0": "no", "1": "yes"})
    assert caught.value.code == "ranking-labels"
