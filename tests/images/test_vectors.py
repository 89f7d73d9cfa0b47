"""Features of pictures, and pictures among texts, with sessions that are none: their answers are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from exporters import answers_vision
from tests.images.fakes import Answering
from tests.images.files import model_files
from workbench.errors import EngineError, InputError, ModelError, UsageError
from workbench.results import Embedding
from workbench.tasks import image_feature_extraction, zero_shot_image_classification
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.catalog_vision import CANDIDATES

SETTINGS: dict[str, Any] = {"image_processor_type": "ViTImageProcessor", "size": 4}
BOTH = {"pixel_values": np.float32, "input_ids": np.int64, "attention_mask": np.int64}
PARTS = np.arange(15, dtype=np.float32).reshape(1, 5, 3)


@pytest.fixture
def picture(tmp_path: Path) -> str:
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4)).save(path)
    return str(path)


def features(folder: Path, picture: str, outputs: dict[str, Any], model_type: str = "vit", **params: Any) -> Embedding:
    files = model_files(folder / "model", SETTINGS, {"model_type": model_type})
    result = image_feature_extraction.PIPELINE(files, {"model": Answering(outputs)})(picture, params, Run())
    assert isinstance(result, Embedding)
    return result


def test_a_vector_for_each_part(tmp_path: Path, picture: str) -> None:
    got = features(tmp_path, picture, {"last_hidden_state": PARTS})
    assert not got.pooled
    assert (got.vectors == PARTS[0]).all()
    channels = np.arange(12, dtype=np.float32).reshape(1, 2, 2, 3)
    got = features(tmp_path, picture, {"last_hidden_state": channels})
    assert got.vectors.tolist() == [[n, n + 6] for n in range(6)]


def test_one_vector(tmp_path: Path, picture: str) -> None:
    outputs = {"last_hidden_state": PARTS, "pooler_output": [[7.0, 8.0, 9.0]]}
    for pool, wanted in (("cls", PARTS[0, 0]), ("mean", PARTS[0].mean(0)), ("model", [7, 8, 9])):
        got = features(tmp_path, picture, outputs, pool=pool)
        assert got.pooled
        np.testing.assert_allclose(got.vectors, [wanted])
    got = features(tmp_path, picture, {"last_hidden_state": PARTS}, "dinov2", pool="model")
    np.testing.assert_allclose(got.vectors, PARTS[:, 0])
    of_a_map = {"last_hidden_state": np.ones((1, 2, 3, 3)), "pooler_output": np.ones((1, 2, 1, 1))}
    assert features(tmp_path, picture, of_a_map, pool="model").vectors.shape == (1, 2)
    assert features(tmp_path, picture, {"image_embeds": [[1.0, 2.0]]}).vectors.tolist() == [[1, 2]]


def test_a_vector_that_the_model_does_not_give_is_refused(tmp_path: Path, picture: str) -> None:
    for outputs, pool in (
        ({"last_hidden_state": PARTS}, "model"),
        ({"last_hidden_state": np.ones((1, 2, 3, 3))}, "cls"),
    ):
        with pytest.raises(UsageError, match="pool"):
            features(tmp_path, picture, outputs, pool=pool)
    with pytest.raises(ModelError) as caught:
        features(tmp_path, picture, {"scores": PARTS})
    assert caught.value.code == "graph-no-output"
    with pytest.raises(EngineError):
        features(tmp_path, picture, {"last_hidden_state": np.full((1, 2, 3), np.nan)})


def clip_files(folder: Path, model_type: str = "clip", positions: int = 6) -> ModelFiles:
    """A tokenizer that knows four words, and begins and ends."""
    words = {"[UNK]": 0, "[PAD]": 1, "<s>": 2, "</s>": 3, "a": 4, "cat": 5, "dog": 6, "red": 7}
    tokenizer = Tokenizer(models.WordLevel(words, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 2), ("</s>", 3)]
    )
    config = {"model_type": model_type, "text_config": {"max_position_embeddings": positions}}
    files = model_files(folder / "model", SETTINGS, config)
    tokenizer.save(str(files.folder / "tokenizer.json"))
    (files.folder / "tokenizer_config.json").write_text(json.dumps({"pad_token": "[PAD]"}), "utf-8")
    return files


def pipeline_of(files: ModelFiles, **sessions: Answering) -> Any:
    return zero_shot_image_classification.PIPELINE(files, sessions)


def test_the_texts_that_fit_the_likeliest_first(tmp_path: Path, picture: str) -> None:
    session = Answering({"logits_per_image": [[1.0, 3.0]], "text_embeds": [[0.0]]}, BOTH)
    params = {"candidate_labels": ("cat", "red dog"), "hypothesis_template": "a {}"}
    got = pipeline_of(clip_files(tmp_path), model=session)(picture, params, Run())
    assert [item.label for item in got.labels] == ["red dog", "cat"]
    assert [item.score for item in got.labels] == pytest.approx([1 / (1 + np.exp(-2)), 1 / (1 + np.exp(2))])
    assert session.fed["input_ids"].tolist() == [[2, 4, 5, 3, 1], [2, 4, 7, 6, 3]]
    assert session.fed["attention_mask"].tolist() == [[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]]
    assert session.fed["pixel_values"].shape == (1, 3, 4, 4)


def test_siglip_scores_each_for_itself_and_reads_full_length(tmp_path: Path, picture: str) -> None:
    inputs = {name: BOTH[name] for name in ("pixel_values", "input_ids")}
    session = Answering({"logits_per_image": [[0.0, -1.0]]}, inputs)
    params = {"candidate_labels": ("cat", "dog"), "hypothesis_template": "{}"}
    got = pipeline_of(clip_files(tmp_path, "siglip"), model=session)(picture, params, Run())
    assert [item.score for item in got.labels] == pytest.approx([0.5, 1 / (1 + np.exp(1))])
    assert session.fed["input_ids"].shape == (2, 64)
    assert session.fed["input_ids"][0, :4].tolist() == [2, 5, 3, 1]
    assert "attention_mask" not in session.fed


def test_two_graphs(tmp_path: Path, picture: str) -> None:
    texts = Answering({"text_embeds": [[3.0, 0.0], [0.0, 2.0]]}, {"input_ids": np.int32})
    pictures = Answering({"image_embeds": [[1.0, 1.01]]})
    pipeline = pipeline_of(clip_files(tmp_path), text_model=texts, vision_model=pictures)
    params = {"candidate_labels": ("cat", "dog"), "hypothesis_template": "{}"}
    run = Run()
    got = pipeline(picture, params, run)
    assert [item.label for item in got.labels] == ["dog", "cat"]
    difference = 100 * 0.01 / np.hypot(1, 1.01)
    assert got.labels[0].score == pytest.approx(1 / (1 + np.exp(-difference)), abs=1e-5)
    assert [notice.code for notice in run.notices] == ["zero-shot-scale"]
    assert texts.fed["input_ids"].dtype == np.int32
    texts.fed = {}
    pipeline(picture, params, Run())
    assert texts.fed == {}  # the texts are the same
    pipeline(picture, params | {"candidate_labels": ("cat", "red")}, Run())
    assert texts.fed


def test_a_text_that_is_too_long_loses_its_end_and_that_is_said(tmp_path: Path, picture: str) -> None:
    session = Answering({"logits_per_image": [[1.0]]}, BOTH)
    run = Run()
    params = {"candidate_labels": ("cat " * 20,), "hypothesis_template": "a {}"}
    pipeline_of(clip_files(tmp_path), model=session)(picture, params, run)
    assert session.fed["input_ids"].shape == (1, 6)
    assert [notice.code for notice in run.notices] == ["text-truncated"]


def test_what_is_missing_is_said(tmp_path: Path, picture: str) -> None:
    pipeline = pipeline_of(clip_files(tmp_path), model=Answering({"logits_per_image": [[1.0]]}, BOTH))
    for params, name in (
        ({}, "candidate_labels"),
        ({"candidate_labels": ()}, "candidate_labels"),
        ({"candidate_labels": ("cat",), "hypothesis_template": "a cat"}, "hypothesis_template"),
    ):
        with pytest.raises(UsageError) as caught:
            pipeline(picture, params, Run())
        assert caught.value.arguments["name"] == name
    with pytest.raises(InputError):
        pipeline(str(tmp_path / "nowhere.png"), {"candidate_labels": ("cat",)}, Run())


def test_graphs_of_another_kind_are_refused(tmp_path: Path) -> None:
    files = clip_files(tmp_path)
    logits, pixels = {"logits_per_image": [[1.0]]}, {"pixel_values": np.float32}
    for session, code in (
        (Answering(logits, pixels), "model-unknown-input"),
        (Answering(logits, BOTH | {"bbox": np.int64}), "model-unknown-input"),
        (Answering({"scores": [[1.0]]}, BOTH), "graph-no-output"),
    ):
        with pytest.raises(ModelError) as caught:
            pipeline_of(files, model=session)
        assert caught.value.code == code
    with pytest.raises(ModelError) as caught:  # SigLIP's scores hang on a bias too
        pipeline_of(
            clip_files(tmp_path, "siglip"),
            text_model=Answering({"pooler_output": [[1.0]]}, {"input_ids": np.int64}),
            vision_model=Answering({"pooler_output": [[1.0]]}),
        )
    assert caught.value.code == "graph-no-output"


def test_exporter_and_app_ask_the_same() -> None:
    assert answers_vision.CANDIDATES == CANDIDATES
    assert answers_vision.TEMPLATE == zero_shot_image_classification.TEMPLATE
    assert answers_vision.SIGLIP_TOKENS == zero_shot_image_classification.SIGLIP_TOKENS
