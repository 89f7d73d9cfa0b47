"""feature-extraction and sentence-similarity on an encoder whose vectors are known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.models import VECTORS, session, word_tokenizer, write_files
from workbench.errors import Cancelled, EngineError, InputError, ModelError, UsageError
from workbench.results import Embedding, Similarity
from workbench.tasks.base import Run
from workbench.tasks.feature_extraction import FeatureExtraction
from workbench.tasks.sentence_similarity import SentenceSimilarity

RECIPE: dict[str, Any] = {
    "modules.json": [
        {"path": "", "type": "sentence_transformers.models.Transformer"},
        {"path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ],
    "1_Pooling/config.json": {"pooling_mode_mean_tokens": True},
    "sentence_bert_config.json": {"max_seq_length": 5},
}
UNIT = {"Paris": np.array([0.6, 0.8]), "Anna": np.array([-0.6, 0.8])}


def features(folder: Path, others: dict[str, Any] | None = None, **graph: Any) -> FeatureExtraction:
    return FeatureExtraction(write_files(folder, others=others), session(folder, **graph))


def similar(folder: Path, others: dict[str, Any] | None = None, **files: Any) -> SentenceSimilarity:
    return SentenceSimilarity(write_files(folder, others=others or RECIPE, **files), session(folder))


def vectors(pipeline: FeatureExtraction, text: Any, run: Run | None = None, **params: Any) -> Any:
    result = pipeline(text, params, run or Run())
    assert isinstance(result, Embedding)
    return result.vectors.tolist()


def test_each_token_has_its_vector(tmp_path: Path) -> None:
    result = features(tmp_path)("red Paris", {"pooling": "none"}, Run())
    assert result == Embedding(result.vectors, pooled=False)
    assert result.vectors.dtype == np.float32
    assert result.to_json() == VECTORS[[2, 4, 7, 3]].tolist()


@pytest.mark.parametrize(("pooling", "wanted"), [("mean", [[2.25, 1.5]]), ("cls", [[2, 0]]), ("max", [[4, 4]])])
def test_a_pooling_can_be_asked_for(tmp_path: Path, pooling: str, wanted: list[list[float]]) -> None:
    assert vectors(features(tmp_path), "red Paris", pooling=pooling) == wanted


def test_a_pooled_vector_can_be_scaled(tmp_path: Path) -> None:
    assert vectors(features(tmp_path), "red", pooling="max", normalize=True) == [
        pytest.approx([4 / 20**0.5, 2 / 20**0.5])
    ]


def test_vectors_of_tokens_are_not_scaled_in_silence(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        vectors(features(tmp_path), "red", pooling="none", normalize=True)


def test_the_models_own_pooling_is_that_of_its_files(tmp_path: Path) -> None:
    pipeline = features(tmp_path, RECIPE)
    mean = np.array([2 + 4, 2]) / 3
    assert vectors(pipeline, "red", pooling="model") == [pytest.approx(mean / np.linalg.norm(mean))]
    assert vectors(pipeline, "red", pooling="model", normalize=False) == [pytest.approx(mean)]


def test_a_models_own_length_holds_for_its_own_pooling_only(tmp_path: Path) -> None:
    pipeline, run = features(tmp_path, RECIPE), Run()
    assert len(vectors(pipeline, "red " * 9, run)) == 11
    assert run.notices == []
    vectors(pipeline, "red " * 9, run, pooling="model")
    assert run.notices[0].arguments["limit"] == 5


def test_verification_compares_all_tokens_whatever_a_sentence_takes(tmp_path: Path) -> None:
    pipeline, run, params = features(tmp_path, RECIPE), Run(), {"pooling": "model"}
    prepared = pipeline.preprocess("red " * 9, params, run)
    outputs = pipeline.reference_outputs(prepared, params, run, {})
    assert outputs["last_hidden_state"].shape == (1, 11, 2)
    wanted = np.array([2 + 36, 2]) / 11
    got = pipeline.postprocess(outputs, prepared, params, run).vectors
    np.testing.assert_allclose(got, [wanted / np.linalg.norm(wanted)], rtol=1e-6)


def test_a_guessed_pooling_is_said(tmp_path: Path) -> None:
    run = Run()
    vectors(features(tmp_path), "red", run, pooling="model")
    assert [notice.code for notice in run.notices] == ["sentence-no-modules"]


def test_an_unknown_module_stops_only_what_needs_it(tmp_path: Path) -> None:
    others = {**RECIPE, "modules.json": [{"path": "2_Dense", "type": "x.Dense"}]}
    pipeline = features(tmp_path, others)
    assert len(vectors(pipeline, "red")) == 3
    with pytest.raises(ModelError, match="Dense"):
        vectors(pipeline, "red", pooling="model")
    with pytest.raises(ModelError, match="Dense"):
        similar(tmp_path, others)


def test_a_graph_may_call_its_output_as_sentence_transformers_does(tmp_path: Path) -> None:
    assert len(vectors(features(tmp_path, output="token_embeddings"), "red")) == 3


def test_a_graph_without_vectors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        features(tmp_path, output="logits")
    assert caught.value.code == "graph-no-output"


def test_scores_that_are_no_numbers_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        vectors(features(tmp_path, table=VECTORS + np.inf), "red")
    assert caught.value.code == "graph-not-finite"


@pytest.mark.parametrize("item", [None, 3, ["red"], {"texts": "red"}, {"text": 3}, {"text": "red", "more": 1}])
def test_what_is_no_text_is_refused(tmp_path: Path, item: Any) -> None:
    with pytest.raises(InputError) as caught:
        vectors(features(tmp_path), item)
    assert caught.value.code == "text-bad-input"


def test_a_text_may_be_named(tmp_path: Path) -> None:
    assert len(vectors(features(tmp_path), {"text": "red"})) == 3


# --- similarity ---


def bare(folder: Path) -> SentenceSimilarity:
    """A text of one word has that word's vector."""
    tokenizer = word_tokenizer(special=False)
    return SentenceSimilarity(write_files(folder, tokenizer=tokenizer, others=RECIPE), session(folder))


def test_one_sentence_is_compared_with_many(tmp_path: Path) -> None:
    item = {"source_sentence": "Paris", "sentences": ["Anna", "Paris", "red", "Anna"]}
    result = bare(tmp_path)(item, {}, Run())
    assert isinstance(result, Similarity)
    assert (result.rows, result.columns) == (("Paris",), ("Anna", "Paris", "red", "Anna"))
    assert result.scores.dtype == np.float32
    assert result.to_json() == pytest.approx([0.28, 1, 0.6, 0.28])


@pytest.mark.parametrize("item", [["Paris", "Anna", "blue"], {"sentences": ["Paris", "Anna", "blue"]}])
def test_several_sentences_are_compared_with_each_other(tmp_path: Path, item: Any) -> None:
    result = bare(tmp_path)(item, {}, Run())
    np.testing.assert_allclose(result.scores, [[1, 0.28, -0.6], [0.28, 1, 0.6], [-0.6, 0.6, 1]], rtol=1e-6)
    assert np.max(result.scores) <= 1


def test_the_same_sentence_goes_through_the_graph_once(tmp_path: Path) -> None:
    prepared = bare(tmp_path).preprocess(["red", "red", "Anna", "red"], {}, Run())
    assert prepared.texts == ("red", "Anna")


@pytest.mark.parametrize(
    "item",
    [
        "red",
        [],
        ["red", 3],
        {},
        {"source_sentence": "red"},
        {"source_sentence": "red", "sentences": []},
        {"source_sentence": "red", "sentences": "red"},
        {"source_sentence": 3, "sentences": ["red"]},
        {"sentences": ["red"], "more": 1},
        None,
    ],
)
def test_other_inputs_are_refused(tmp_path: Path, item: Any) -> None:
    with pytest.raises(InputError) as caught:
        similar(tmp_path)(item, {}, Run())
    assert caught.value.code == "text-bad-input"


def test_sentences_in_batches_are_what_each_is_alone(tmp_path: Path) -> None:
    pipeline = similar(tmp_path)
    texts = [" ".join(["red", "Anna", "blue"][: 1 + n % 3] * (1 + n % 2)) + f" {n}" for n in range(70)]
    reports: list[tuple[str, float, float, str]] = []
    matrix = pipeline(texts, {}, Run(on_progress=lambda *report: reports.append(report))).scores
    alone = np.array([[pipeline([a, b], {}, Run()).scores[0, 1] for b in texts[:3]] for a in texts])
    np.testing.assert_allclose(matrix[:, :3], alone, atol=1e-6)
    assert [report[1:] for report in reports] == [(32, 70, "texts"), (64, 70, "texts"), (70, 70, "texts")]


def test_texts_go_alone_where_nothing_pads_them(tmp_path: Path) -> None:
    pipeline = SentenceSimilarity(write_files(tmp_path, others=RECIPE), session(tmp_path, inputs=("input_ids",)))
    reports: list[float] = []
    pipeline(["red", "red Anna"], {}, Run(on_progress=lambda stage, done, total, unit: reports.append(done)))
    assert reports == [1, 2]


def test_the_time_of_each_step_is_kept_apart(tmp_path: Path) -> None:
    run = Run()
    similar(tmp_path)(["red", "Anna"], {}, run)
    assert set(run.times_s) == {"preprocess", "session", "postprocess"}


def test_similarity_can_be_cancelled_between_batches(tmp_path: Path) -> None:
    pipeline = similar(tmp_path)
    run = Run()
    run.on_progress = lambda *report: run.cancellation.cancel()
    with pytest.raises(Cancelled):
        pipeline([f"red {n}" for n in range(40)], {}, run)


def test_the_length_is_that_of_the_sentence_model(tmp_path: Path) -> None:
    run = Run()
    similar(tmp_path)(["red " * 9, "Anna"], {}, run)
    assert run.notices[0].arguments["limit"] == 5
