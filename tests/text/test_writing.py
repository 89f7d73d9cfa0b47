"""Beam search and what is done to scores, over states that say what a test wants; where settings come from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import Cancelled, EngineError, ModelError
from workbench.runtime import logits_processors as rules
from workbench.runtime.beam_search import Beams, beam_search, largest
from workbench.runtime.generation_settings import GenerationSettings
from workbench.tasks.base import ModelFiles, Run

END, SIZE = 9, 10
Chances = Mapping[tuple[int, ...], Mapping[int, float]]


class Tree:
    """Says what follows a text: chances by token; what is not named shares the rest. ``kept`` are reorderings."""

    def __init__(self, chances: Chances) -> None:
        self._chances = chances
        self._texts: list[tuple[int, ...]] = [()]
        self.kept: list[list[int]] = []

    def advance(self, token_ids: Sequence[int], run: Run) -> Any:
        self._texts = [tuple(token_ids)]
        return np.stack([self._logits(tuple(token_ids[: n + 1])) for n in range(len(token_ids))])

    def advance_beams(self, token_ids: Sequence[int], run: Run) -> Any:
        self._texts = [(*text, token) for text, token in zip(self._texts, token_ids, strict=True)]
        return np.stack([self._logits(text) for text in self._texts])

    def keep(self, beams: Sequence[int]) -> None:
        self.kept.append(list(beams))
        self._texts = [self._texts[place] for place in beams]

    def _logits(self, text: tuple[int, ...]) -> Any:
        given = self._chances.get(text[1:], {END: 0.9})
        rest = (1 - sum(given.values())) / (SIZE - len(given))
        return np.log(np.array([given.get(token, rest) for token in range(SIZE)], np.float32))


# The likeliest first token leads nowhere; the second one leads to a certain end.
GARDEN: Chances = {(): {1: 0.5, 2: 0.4}, (1,): {3: 0.2, 4: 0.2, END: 0.15}, (2,): {5: 0.95}, (2, 5): {END: 0.95}}


def search(tree: Any, beams: Beams, **settings: Any) -> list[int]:
    defaults: dict[str, Any] = {"stop": frozenset([END]), "max_length": 8, "processors": (), "run": Run()}
    return beam_search(tree, (0,), beams, **defaults | settings)


def test_the_likeliest_text_need_not_begin_with_the_likeliest_token() -> None:
    tree, seen = Tree(GARDEN), []
    assert search(tree, Beams(2), on_step=lambda tokens: seen.append(list(tokens))) == [2, 5, END]
    assert seen[:2] == [[1], [2, 5]]
    assert tree.kept[0] == [0, 0], "at first there is one text only"


def test_a_length_penalty_prefers_longer_or_shorter_texts() -> None:
    chances: Chances = {(): {END: 0.45, 1: 0.4}, (1,): {2: 0.6, END: 0.3}, (1, 2): {END: 0.9}}
    assert search(Tree(chances), Beams(2, length_penalty=-1.0, early_stopping="never")) == [END]
    assert search(Tree(chances), Beams(2, length_penalty=3.0, early_stopping="never")) == [1, 2, END]


def test_it_ends_at_the_length_with_the_best_so_far() -> None:
    endless: Chances = {(1,) * n: {1: 0.99} for n in range(12)}
    assert search(Tree(endless), Beams(3), max_length=5) == [1, 1, 1, 1]
    assert search(Tree(endless), Beams(3), max_length=1) == []


def test_a_cancellation_ends_it_before_the_next_token() -> None:
    run, seen = Run(), []

    def stop(tokens: Sequence[int]) -> None:
        seen.append(list(tokens))
        run.cancellation.cancel()

    with pytest.raises(Cancelled):
        search(Tree(GARDEN), Beams(2), run=run, on_step=stop)
    assert len(seen) == 1


@pytest.mark.parametrize("size", [1, 5, 64, 500, 5000])
@pytest.mark.parametrize("count", [1, 2, 8])
def test_the_largest_of_few_and_of_many(size: int, count: int) -> None:
    values = np.random.default_rng(size).normal(size=size).astype(np.float32)
    wanted = np.argsort(-values, kind="stable")[:count]
    assert largest(values, count).tolist() == wanted.tolist()
    forbidden = np.full(size, -np.inf, np.float32)
    forbidden[-1] = 0
    found = largest(forbidden, count).tolist()
    assert found[0] == size - 1
    assert len(set(found)) == min(count, size)
    equal = np.zeros(size, np.float32)
    equal[size // 2 :] = 1
    assert set(equal[largest(equal, count)][: size - size // 2].tolist()) == {1.0}


def test_what_is_no_number_is_an_error() -> None:
    tree = Tree(GARDEN)
    tree._logits = lambda text: np.full(SIZE, np.nan, np.float32)  # type: ignore[method-assign]
    with pytest.raises(EngineError) as caught:
        search(tree, Beams(2))
    assert caught.value.code == "graph-not-finite"


def changed(process: rules.LogitsProcessor, tokens: Sequence[int], scores: Sequence[float] = (1, -2, 3, -4)) -> Any:
    values = np.array(scores, np.float32)
    process(values, tokens)
    return values.tolist()


INF = -np.inf


@pytest.mark.parametrize(
    ("process", "tokens", "wanted"),
    [
        (rules.not_before(3, [2]), [0, 0], [1, -2, INF, -4]),
        (rules.not_before(3, [2]), [0, 0, 0], [1, -2, 3, -4]),
        (rules.forced_at(1, [3]), [0], [INF, INF, INF, 0]),
        (rules.forced_at(1, [3]), [0, 0], [1, -2, 3, -4]),
        (rules.repetition_penalty(2), [0, 1, 1], [0.5, -4, 3, -4]),
        (rules.encoder_repetition_penalty(2, [2, 3]), [0], [1, -2, 6, -2]),
        (rules.no_repeated_ngrams(2), [1, 2, 0, 1], [1, -2, INF, -4]),
        (rules.no_ngrams_of([1, 2, 3], 2), [0, 2], [1, -2, 3, INF]),
        (rules.no_ngrams_of([1, 2, 3], 1), [0], [1, INF, INF, INF]),
        (rules.no_ngrams_of([1, 2, 3], 3), [2], [1, -2, 3, -4]),
        (rules.forbidden_words([[0], [1, 2]]), [0, 1], [INF, -2, INF, -4]),
        (rules.forbidden_words([[1, 2, 3]]), [1, 2], [1, -2, 3, -4]),
        (rules.forbidden_words([[1, 2, 3]]), [0, 1, 2], [1, -2, 3, INF]),
        (rules.ended_sooner(1, 2.0, [3]), [0, 0], [1, -2, 3, 0]),
        (rules.ended_sooner(1, 2.0, [3]), [0], [1, -2, 3, -4]),
    ],
)
def test_what_is_done_to_scores(process: rules.LogitsProcessor, tokens: list[int], wanted: list[float]) -> None:
    assert changed(process, tokens) == wanted


def test_scores_become_finite_and_logarithms_of_chances() -> None:
    got = changed(rules.finite, [], (np.nan, np.inf, -np.inf, 2))
    assert got[0] == 0
    assert np.isfinite(got).all()
    assert np.exp(changed(rules.log_softmax, [])).sum() == pytest.approx(1)


def settings_of(folder: Path, config: dict[str, Any], generation: dict[str, Any] | None, task: str = "") -> Any:
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    if generation is not None:
        (folder / "generation_config.json").write_text(json.dumps(generation), "utf-8")
    return GenerationSettings.of_model(ModelFiles(folder, {}), {"max_new_tokens": 256, "num_beams": 4}, task)


TOKENS = {"eos_token_id": 1, "decoder_start_token_id": 0}


def test_a_pipeline_goes_before_the_model_but_for_a_longest_text(tmp_path: Path) -> None:
    found = settings_of(tmp_path, {}, TOKENS | {"num_beams": 6, "max_length": 50, "length_penalty": 2.0})
    assert found.beams == Beams(4, 2.0, early_stopping=False)
    assert found.max_length(1) == 50
    assert settings_of(tmp_path, {}, TOKENS).max_length(1) == 257
    assert found.wishing(max_new_tokens=7, num_beams=None).max_length(1) == 8


def test_without_a_file_of_its_own_the_config_and_its_decoder_speak(tmp_path: Path) -> None:
    config = {"model_type": "vision-encoder-decoder", "decoder_start_token_id": 5, "max_length": 9}
    found = settings_of(tmp_path, config | {"decoder": {"eos_token_id": 7, "max_length": 30, "n_positions": 40}}, None)
    assert (found.start, found.stop, found.max_length(1), found.positions) == (5, {7}, 9, 40)


def test_the_task_goes_before_both_and_brings_a_prefix(tmp_path: Path) -> None:
    special = {"summarization": {"prefix": "summarize: ", "num_beams": 2, "min_length": 3, "unknown": 1}}
    found = settings_of(tmp_path, {"model_type": "t5", "task_specific_params": special}, TOKENS, "summarization")
    assert (found.prefix, found.beams.count, found.positions) == ("summarize: ", 2, None)


@pytest.mark.parametrize(
    ("special", "name"),
    [
        ("x", "task_specific_params"),
        ({"summarization": [1]}, "task_specific_params"),
        ({"summarization": {"num_beams": 10**9}}, "num_beams"),
    ],
)
def test_what_a_task_wants_makes_sense(tmp_path: Path, special: Any, name: str) -> None:
    with pytest.raises(ModelError) as caught:
        settings_of(tmp_path, {"task_specific_params": special}, TOKENS, "summarization")
    assert (caught.value.code, caught.value.arguments["name"]) == ("model-bad-setting", name)


@pytest.mark.parametrize(
    ("generation", "code", "name"),
    [
        ({"decoder_start_token_id": 0}, "model-setting-missing", "eos_token_id"),
        ({"eos_token_id": 0}, "model-setting-missing", "decoder_start_token_id"),
        (TOKENS | {"num_beam_groups": 2}, "generation-unsupported", "num_beam_groups"),
        (TOKENS | {"early_stopping": "soon"}, "model-bad-setting", "early_stopping"),
        (TOKENS | {"bad_words_ids": [3]}, "model-bad-setting", "bad_words_ids"),
        (TOKENS | {"max_length": -1}, "model-bad-setting", "max_length"),
        (TOKENS | {"repetition_penalty": 0}, "model-bad-setting", "repetition_penalty"),
        (TOKENS | {"repetition_penalty": float("nan")}, "model-bad-setting", "repetition_penalty"),
        (TOKENS | {"length_penalty": float("nan")}, "model-bad-setting", "length_penalty"),
        (TOKENS | {"max_length": 10**30}, "model-bad-setting", "max_length"),
        (TOKENS | {"encoder_no_repeat_ngram_size": "2"}, "model-bad-setting", "encoder_no_repeat_ngram_size"),
        (TOKENS | {"decoder_start_token_id": "x"}, "model-bad-setting", "decoder_start_token_id"),
        (TOKENS | {"decoder_start_token_id": [0]}, "model-bad-setting", "decoder_start_token_id"),
        (TOKENS | {"bos_token_id": -1}, "model-bad-setting", "bos_token_id"),
        (TOKENS | {"exponential_decay_length_penalty": 3}, "model-bad-setting", "exponential_decay_length_penalty"),
        (
            TOKENS | {"exponential_decay_length_penalty": [1, "x"]},
            "model-bad-setting",
            "exponential_decay_length_penalty",
        ),
    ],
)
def test_settings_that_make_no_sense_are_named(
    tmp_path: Path, generation: dict[str, Any], code: str, name: str
) -> None:
    with pytest.raises(ModelError) as caught:
        settings_of(tmp_path, {}, generation)
    assert (caught.value.code, caught.value.arguments["name"]) == (code, name)
