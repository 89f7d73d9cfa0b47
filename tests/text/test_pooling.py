"""Vectors of sentences: every kind of pooling by hand, and what modules.json says of it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.models import write_files
from workbench.errors import ModelError
from workbench.runtime.pooling import SentenceRecipe, normalized, pooled
from workbench.tasks.base import ModelFiles

# Two texts of three places, the second one with a place of padding.
HIDDEN = np.array([[[1, 2], [3, -4], [5, 9]], [[1, 0], [3, -6], [100, 100]]], np.float32)
MASK = np.array([[1, 1, 1], [1, 1, 0]])
BY_HAND: dict[str, list[list[float]]] = {
    "cls": [[1, 2], [1, 0]],
    "max": [[5, 9], [3, 0]],
    "mean": [[3, 7 / 3], [2, -3]],
    "mean_sqrt_len": [[9 / math.sqrt(3), 7 / math.sqrt(3)], [4 / math.sqrt(2), -6 / math.sqrt(2)]],
    "weightedmean": [[22 / 6, 21 / 6], [7 / 3, -12 / 3]],
    "lasttoken": [[5, 9], [3, -6]],
}
KEYS = {
    "cls": "pooling_mode_cls_token",
    "max": "pooling_mode_max_tokens",
    "mean": "pooling_mode_mean_tokens",
    "mean_sqrt_len": "pooling_mode_mean_sqrt_len_tokens",
    "weightedmean": "pooling_mode_weightedmean_tokens",
    "lasttoken": "pooling_mode_lasttoken",
}
TRANSFORMER = {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"}
POOLING = {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
NORMALIZE = {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"}
MEAN = {"word_embedding_dimension": 2, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": True}


def recipe(folder: Path, modules: Any = (TRANSFORMER, POOLING), pooling: Any = MEAN, **others: Any) -> SentenceRecipe:
    files = {"modules.json": modules, "1_Pooling/config.json": pooling, **others}
    return SentenceRecipe.of_model(write_files(folder, others=files))


@pytest.mark.parametrize("mode", BY_HAND)
def test_each_pooling_leaves_out_the_padding(mode: str) -> None:
    np.testing.assert_allclose(pooled(HIDDEN, MASK, (mode,)), BY_HAND[mode], rtol=1e-6)


@pytest.mark.parametrize("mode", ["cls", "mean", "max", "lasttoken"])
def test_padding_may_stand_in_front(mode: str) -> None:
    got = pooled(HIDDEN[1:, [2, 0, 1]], MASK[1:, [2, 0, 1]], (mode,))
    np.testing.assert_allclose(got, [BY_HAND[mode][1]], rtol=1e-6)


def test_half_precision_is_added_up_in_single() -> None:
    hidden = np.full((1, 4096, 1), 40, np.float16)
    vectors = pooled(hidden, np.ones((1, 4096), np.int64), ("mean",))
    assert vectors.dtype == np.float32
    assert vectors[0, 0] == pytest.approx(40)


def test_rows_get_the_length_one_and_zeros_stay() -> None:
    np.testing.assert_allclose(normalized(np.array([[3, 4], [0, 0]], np.float32)), [[0.6, 0.8], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize("mode", BY_HAND)
def test_the_pooling_is_that_of_the_files(tmp_path: Path, mode: str) -> None:
    assert recipe(tmp_path, pooling={key: name == mode for name, key in KEYS.items()}).modes == (mode,)
    assert recipe(tmp_path, pooling={"pooling_mode": mode}).modes == (mode,)


def test_several_stand_behind_each_other_in_a_fixed_order(tmp_path: Path) -> None:
    both = recipe(tmp_path, pooling={"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True})
    assert both.modes == ("cls", "mean")
    np.testing.assert_allclose(both.vectors(HIDDEN, MASK)[1], [1, 0, 2, -3], rtol=1e-6)


def test_the_vector_is_scaled_where_a_module_says_so(tmp_path: Path) -> None:
    assert not recipe(tmp_path).normalize
    scaled = recipe(tmp_path, modules=(TRANSFORMER, POOLING, NORMALIZE))
    assert scaled.normalize
    np.testing.assert_allclose(np.linalg.norm(scaled.vectors(HIDDEN, MASK), axis=1), 1, rtol=1e-6)


def test_without_modules_the_mean_is_taken_and_known_to_be_a_guess(tmp_path: Path) -> None:
    assert SentenceRecipe.of_model(write_files(tmp_path)) == SentenceRecipe(modes=("mean",), stated=False)


def test_length_case_and_prompt_are_those_of_the_files(tmp_path: Path) -> None:
    told = recipe(
        tmp_path,
        **{
            "sentence_bert_config.json": {"max_seq_length": 7, "do_lower_case": True},
            "config_sentence_transformers.json": {"prompts": {"query": "Query: "}, "default_prompt_name": "query"},
        },
    )
    assert told.max_tokens == 7
    assert told.text("  What IS it? ") == "query:   what is it?"
    assert recipe(tmp_path / "b").text("  What IS it? ") == "What IS it?"


def test_modules_that_are_nested_without_end_are_an_error(tmp_path: Path) -> None:
    recipe(tmp_path)
    (tmp_path / "modules.json").write_text("[" * 100_000, "utf-8")
    with pytest.raises(ModelError, match=r"modules\.json cannot be read"):
        SentenceRecipe.of_model(ModelFiles(tmp_path, {}))


def test_the_transformer_may_have_a_folder_and_a_file_of_its_own(tmp_path: Path) -> None:
    modules = ({**TRANSFORMER, "path": "0_Transformer"}, POOLING)
    others = {"0_Transformer/sentence_roberta_config.json": {"max_seq_length": 9}}
    assert recipe(tmp_path, modules=modules, **others).max_tokens == 9


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({"modules": (TRANSFORMER, POOLING, {"path": "2_Dense", "type": "a.b.Dense"})}, "sentence-module", "Dense"),
        ({"pooling": {"pooling_mode_new": True}}, "sentence-pooling", "pooling_mode_new"),
        ({"pooling": {"pooling_mode": "median"}}, "sentence-pooling", "median"),
        ({"pooling": {"pooling_mode_mean_tokens": False}}, "sentence-pooling", "pooling_mode"),
        ({"modules": {"no": "list"}}, "model-bad-file", "modules.json"),
        ({"modules": [{"path": "x"}]}, "model-bad-file", "modules.json"),
        ({"modules": (TRANSFORMER, {**POOLING, "path": "../outside"})}, "model-bad-file", "../outside"),
        ({"modules": (TRANSFORMER, {**POOLING, "path": "2_Pooling"})}, "model-file-missing", "2_Pooling"),
        (
            {"config_sentence_transformers.json": {"prompts": {}, "default_prompt_name": "query"}},
            "model-bad-setting",
            "default_prompt_name",
        ),
        (
            {
                "pooling": {**MEAN, "include_prompt": False},
                "config_sentence_transformers.json": {"prompts": {"q": "Q: "}, "default_prompt_name": "q"},
            },
            "model-bad-setting",
            "include_prompt",
        ),
    ],
)
def test_what_is_not_known_is_named(tmp_path: Path, changes: dict[str, Any], code: str, named: str) -> None:
    with pytest.raises(ModelError) as caught:
        recipe(tmp_path, **changes)
    assert caught.value.code == code
    assert named in str(caught.value)
