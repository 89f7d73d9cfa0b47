"""text-classification and token-classification on graphs whose logits are known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordPiece

from tests.text.models import CONFIG, WORDS, session, write_files
from workbench.errors import EngineError, InputError, ModelError
from workbench.results import Labels, Spans
from workbench.runtime.causal_decoder import CausalDecoder
from workbench.tasks import base
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.text_classification import TextClassification
from workbench.tasks.token_classification import TokenClassification

# Logits that each word adds, for three classes.
CLASSES = np.zeros((len(WORDS), 3), np.float32)
CLASSES[4], CLASSES[5] = [1, 3, 2], [0, 0, -5]
NAMES = {"id2label": {"0": "calm", "1": "glad", "2": "angry"}}


def classifier(
    folder: Path, *, table: Any = CLASSES, settings: Any = None, inputs: Any = ("input_ids",), **config: Any
) -> TextClassification:
    files = write_files(
        folder, config={**CONFIG, **(NAMES if "id2label" not in config else {}), **config}, settings=settings
    )
    return TextClassification(files, session(folder, table=table, output="logits", pooled=True, inputs=inputs))


def scores(pipeline: TextClassification, item: Any, **params: Any) -> list[tuple[str, float]]:
    result = pipeline(item, params, Run())
    assert isinstance(result, Labels)
    return [(label.label, label.score) for label in result.labels]


@pytest.mark.parametrize(
    "config",
    [
        {"id2label": {"x": "a"}},
        {"id2label": {"0": "a", "1": "b", "3": "c"}},
        {"id2label": {"1": "a", "2": "b", "3": "c"}},
        {"id2label": {"0": "a", "1": "b", "01": "c"}},
        {"id2label": {"0": "a", "1": "b", "-1": "c"}},
        {"id2label": {"0": "a", "1": None}},
        {"id2label": {"0": "a", "1": ["b"]}},
        {"id2label": {"0": "a", "1": {"b": "c"}}},
        {"id2label": None, "num_labels": "2"},
    ],
)
def test_labels_without_numbers_are_an_error(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        scores(classifier(tmp_path, **config), "red")
    assert caught.value.code == "model-bad-setting"
    assert caught.value.arguments["name"] in config


def test_a_config_that_is_nested_without_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        _ = ModelFiles(tmp_path, {}).config


def test_a_config_without_end_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "MAX_JSON_BYTES", 10)
    (tmp_path / "config.json").write_text(f"{{{' ' * 10}}}", "utf-8")
    with pytest.raises(ModelError, match=r"config\.json cannot be read \(larger than"):
        _ = ModelFiles(tmp_path, {}).config


def test_one_of_several_classes(tmp_path: Path) -> None:
    total = sum(math.exp(n) for n in (1, 3, 2))
    wanted = [("glad", math.exp(3) / total), ("angry", math.exp(2) / total), ("calm", math.exp(1) / total)]
    assert scores(classifier(tmp_path), "red") == [(name, pytest.approx(score)) for name, score in wanted]


@pytest.mark.parametrize(("top_k", "count"), [(None, 3), (1, 1), (2, 2), (99, 3)])
def test_as_many_labels_as_asked_for(tmp_path: Path, top_k: int | None, count: int) -> None:
    assert len(scores(classifier(tmp_path), "red", top_k=top_k)) == count


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


@pytest.mark.parametrize(
    ("config", "param", "wanted"),
    [
        ({"problem_type": "multi_label_classification"}, None, sigmoid(3)),
        ({"problem_type": "regression"}, None, 3.0),
        ({"problem_type": "single_label_classification"}, "sigmoid", sigmoid(3)),
        ({"problem_type": "regression"}, "softmax", math.exp(3) / sum(math.exp(n) for n in (1, 3, 2))),
        ({}, "none", 3.0),
    ],
)
def test_scores_are_made_as_the_model_or_the_user_says(
    tmp_path: Path, config: dict[str, Any], param: str | None, wanted: float
) -> None:
    assert scores(classifier(tmp_path, **config), "red", function_to_apply=param)[0] == ("glad", pytest.approx(wanted))


def test_a_single_class_is_a_yes_or_no(tmp_path: Path) -> None:
    pipeline = classifier(tmp_path, table=CLASSES[:, 1:2], id2label={"0": "LABEL_0"})
    assert scores(pipeline, "red") == [("LABEL_0", pytest.approx(sigmoid(3)))]


def test_equal_scores_keep_the_order_of_the_labels(tmp_path: Path) -> None:
    assert [name for name, _ in scores(classifier(tmp_path), "blue")] == ["calm", "glad", "angry"]


def test_extreme_scores_are_no_overflow(tmp_path: Path) -> None:
    pipeline = classifier(tmp_path, table=CLASSES * 1e4, problem_type="multi_label_classification")
    assert scores(pipeline, "green")[-1] == ("angry", pytest.approx(0, abs=1e-30))


def test_a_pair_of_texts_has_its_types(tmp_path: Path) -> None:
    pipeline = classifier(tmp_path, inputs=("input_ids", "token_type_ids"))
    item = {"text": "red", "text_pair": "red red"}
    # Three tokens of the second text, its end among them, add 100 each to all classes.
    assert dict(scores(pipeline, item, function_to_apply="none"))["glad"] == 9 + 300
    assert scores(pipeline, {"text": "red"}) == scores(pipeline, "red")
    assert scores(pipeline, {"text": "red", "text_pair": None}) == scores(pipeline, "red")


@pytest.mark.parametrize(
    "item",
    [None, 3, ["red"], {}, {"text_pair": "red"}, {"text": 3}, {"text": "a", "text_pair": 3}, {"text": "a", "x": "b"}],
)
def test_what_is_no_text_is_refused(tmp_path: Path, item: Any) -> None:
    with pytest.raises(InputError) as caught:
        scores(classifier(tmp_path), item)
    assert caught.value.code == "text-bad-input"


def test_labels_that_do_not_fit_the_graph_are_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        scores(classifier(tmp_path, id2label={"0": "a", "1": "b"}), "red")
    assert caught.value.code == "model-files-disagree"


def test_scores_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        scores(classifier(tmp_path, table=CLASSES * np.nan), "red")
    assert caught.value.code == "graph-not-finite"


def test_a_graph_without_logits_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        TextClassification(write_files(tmp_path, config={**CONFIG, **NAMES}), session(tmp_path))
    assert caught.value.code == "graph-no-output"


# --- tokens ---

PIECES = ("[PAD]", "[UNK]", "An", "##na", "##bel", "Le", "##e", "in", "Rome", "Oslo", ".")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "MISC")
# The tag and the logit of each piece; all other logits are 0.
SAID = {
    "An": ("B-PER", 4), "##na": ("I-PER", 2), "##bel": ("B-LOC", 6), "Le": ("I-PER", 3), "##e": ("O", 1),
    "in": ("O", 5), "Rome": ("B-LOC", 4), "Oslo": ("I-LOC", 4), ".": ("O", 2), "[UNK]": ("MISC", 3),
}  # fmt: skip


def tagger(folder: Path, *, unknown: str | None = "[UNK]") -> TokenClassification:
    tokenizer = Tokenizer(WordPiece({piece: n for n, piece in enumerate(PIECES)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    table = np.zeros((len(PIECES), len(TAGS)), np.float32)
    for piece, (tag, logit) in SAID.items():
        table[PIECES.index(piece), TAGS.index(tag)] = logit
    config = {**CONFIG, "id2label": dict(enumerate(TAGS))}
    files = write_files(folder, tokenizer=tokenizer, config=config, settings={"unk_token": unknown})
    return TokenClassification(files, session(folder, table=table, output="logits", inputs=("input_ids",)))


def spans(pipeline: TokenClassification, text: Any, strategy: str = "simple") -> Spans:
    result = pipeline(text, {"aggregation_strategy": strategy}, Run())
    assert isinstance(result, Spans)
    return result


def places(result: Spans) -> list[tuple[str, str, int, int]]:
    return [(span.label, span.word, span.start, span.end) for span in result.spans]


def probability(logit: float) -> float:
    return math.exp(logit) / (math.exp(logit) + len(TAGS) - 1)


def test_single_tokens_keep_their_labels_and_places(tmp_path: Path) -> None:
    result = spans(tagger(tmp_path), "Anna in Rome", "none")
    assert not result.grouped
    assert result.to_json() == [
        {"entity": "B-PER", "score": pytest.approx(probability(4)), "index": 0, "word": "An", "start": 0, "end": 2},
        {"entity": "I-PER", "score": pytest.approx(probability(2)), "index": 1, "word": "##na", "start": 2, "end": 4},
        {"entity": "B-LOC", "score": pytest.approx(probability(4)), "index": 3, "word": "Rome", "start": 8, "end": 12},
    ]


def test_neighbours_of_one_label_are_joined(tmp_path: Path) -> None:
    result = spans(tagger(tmp_path), "Anna Rome Oslo")
    assert places(result) == [("PER", "Anna", 0, 4), ("LOC", "Rome Oslo", 5, 14)]
    assert result.spans[0].score == pytest.approx((probability(4) + probability(2)) / 2)
    assert result.spans[0].index is None
    assert "entity_group" in result.to_json()[0]


def test_a_beginning_begins_anew(tmp_path: Path) -> None:
    assert places(spans(tagger(tmp_path), "Rome Rome Oslo Oslo")) == [
        ("LOC", "Rome", 0, 4),
        ("LOC", "Rome Oslo Oslo", 5, 19),
    ]


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("simple", [("PER", "An", 0, 2), ("LOC", "##bel", 2, 5), ("PER", "Le", 6, 8)]),
        ("first", [("PER", "Anbel Lee", 0, 9)]),
        ("max", [("LOC", "Anbel", 0, 5), ("PER", "Lee", 6, 9)]),
        ("average", [("LOC", "Anbel", 0, 5), ("PER", "Lee", 6, 9)]),
    ],
)
def test_the_tokens_of_a_word_get_one_label(
    tmp_path: Path, strategy: str, wanted: list[tuple[str, str, int, int]]
) -> None:
    assert places(spans(tagger(tmp_path), "Anbel Lee", strategy)) == wanted


def test_an_unknown_word_shows_its_text(tmp_path: Path) -> None:
    assert places(spans(tagger(tmp_path), "Zoë in 京", "first")) == [("MISC", "Zoë", 0, 3), ("MISC", "京", 7, 8)]


def test_places_count_characters_of_any_plane(tmp_path: Path) -> None:
    text = "👩‍👩‍👧 Rome"
    (_, rome) = places(spans(tagger(tmp_path), text))
    assert text[rome[2] : rome[3]] == "Rome"


def test_a_text_without_entities_has_none(tmp_path: Path) -> None:
    assert spans(tagger(tmp_path), "in .").to_json() == []


def test_a_cut_text_is_said_and_its_spans_are_right(tmp_path: Path) -> None:
    run = Run()
    result = tagger(tmp_path)("Rome . " * 20, {"aggregation_strategy": "simple"}, run)
    assert len(result.spans) == 8
    assert run.notices[0].code == "text-truncated"


@pytest.mark.parametrize("item", [None, ["Rome"], {"text": "Rome", "text_pair": "Oslo"}])
def test_entities_need_a_text(tmp_path: Path, item: Any) -> None:
    with pytest.raises(InputError):
        spans(tagger(tmp_path), item)


def test_a_graph_that_was_made_for_another_task(tmp_path: Path) -> None:
    files = write_files(tmp_path, config={**CONFIG, **NAMES})
    of_tokens = session(tmp_path, table=CLASSES, output="logits", pooled=False, inputs=("input_ids",))
    with pytest.raises(ModelError, match=r"no output logits of the whole text, only logits \[1, 3, 3\]"):
        TextClassification(files, of_tokens)("red", {}, Run())
    of_text = session(tmp_path, table=CLASSES, output="logits", pooled=True, inputs=("input_ids",))
    with pytest.raises(ModelError, match=r"no output logits of each token, only logits \[1, 3\]"):
        TokenClassification(files, of_text)("red", {}, Run())
    with pytest.raises(ModelError, match=r"no output logits of each token, only logits \[1, 3\]"):
        CausalDecoder(of_text["model"]).start().advance([1, 2], Run())
