"""The pipeline over a tiny model: what is kept between inputs, when tokens are drawn, how an answer ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.text.language_models import CONFIG, grouped_query_model, language_model_files, load
from tests.text.models import WORDS
from workbench.cancellation import Cancellation
from workbench.errors import Cancelled, EngineError, InputError, ModelError
from workbench.results import Text
from workbench.tasks import text_generation
from workbench.tasks.base import Run
from workbench.tasks.catalog import task_info
from workbench.tasks.info import check_params
from workbench.tasks.text_generation import TextGeneration

ENDS = {"eos_token_id": 3, "bos_token_id": 2}
PROMPT = "red green blue red Anna"


def make(folder: Path, settings: dict[str, Any] | None = ENDS, **graph: Any) -> TextGeneration:
    """A model that never says one of the first four words, which are no text, unless ``bias`` is given."""
    files = language_model_files(folder, settings)
    graph.setdefault("bias", np.where(np.arange(len(WORDS)) < 4, -1e4, 0))
    return TextGeneration(files, {"model": load(grouped_query_model(folder / "model.onnx", **graph))})


def write(pipeline: TextGeneration, prompt: Any = PROMPT, run: Run | None = None, **params: Any) -> Text:
    given = check_params(task_info("text-generation"), {"max_new_tokens": 12, **params})
    answer = pipeline(prompt, given, run or Run())
    assert isinstance(answer, Text)
    return answer


def cached(answer: Text) -> int:
    assert answer.speed
    return answer.speed.cached_tokens


def test_an_input_that_begins_as_the_last_one_pays_for_the_rest_alone(tmp_path: Path) -> None:
    pipeline = make(tmp_path)
    first = write(pipeline)
    assert (cached(first), first.speed and first.speed.prompt_tokens) == (0, 5)
    again = write(pipeline)
    assert (cached(again), again) == (4, first)
    longer = f"{PROMPT} {first.text} Paris"
    answer = write(pipeline, longer)
    assert cached(answer) >= 5 + first.token_count - 1
    assert answer == write(make(tmp_path), longer)
    other = write(pipeline, "Anna red")
    assert (cached(other), other) == (0, write(make(tmp_path), "Anna red"))


def test_after_a_cancellation_and_an_error_answers_are_those_of_a_new_model(tmp_path: Path) -> None:
    pipeline, wanted = make(tmp_path), write(make(tmp_path))
    seen: list[Any] = []
    run = Run(Cancellation())
    run.on_partial = lambda text: (seen.append(text), run.cancellation.cancel())  # type: ignore[func-returns-value]
    with pytest.raises(Cancelled):
        write(pipeline, run=run)
    assert len(seen) == 1
    answer = write(pipeline)
    assert (answer, cached(answer)) == (wanted, 4)
    stopped = Run()
    stopped.cancellation.cancel()
    with pytest.raises(Cancelled):
        write(pipeline, PROMPT + " Paris Paris", run=stopped)
    assert write(pipeline) == wanted


def test_only_the_cache_of_one_text_is_kept(tmp_path: Path) -> None:
    pipeline, started = make(tmp_path), []
    start = pipeline._decoder.start
    pipeline._decoder.start = lambda: started.append(pipeline._kept._state) or start()  # type: ignore
    write(pipeline, "red green")
    write(pipeline, "blue red")
    write(pipeline, "blue red Anna")
    assert started == [None, None], "the memory of the text before is let go first"


def test_the_likeliest_tokens_are_taken_unless_something_else_is_asked_for(tmp_path: Path) -> None:
    settings = {**ENDS, "do_sample": True, "temperature": 5.0, "top_k": 0}
    pipeline, greedy = make(tmp_path, settings), write(make(tmp_path))
    assert write(pipeline) == greedy, "what a model's files say of chance is meant for chats"
    texts = {write(pipeline, do_sample=True, seed=seed).text for seed in range(5)}
    assert len(texts) > 1
    assert write(pipeline, do_sample=True, seed=3) == write(pipeline, do_sample=True, seed=3)
    assert len({write(make(tmp_path), temperature=5, seed=seed).text for seed in range(5)}) > 1
    assert write(pipeline, temperature=0) == greedy
    assert write(pipeline, do_sample=False, temperature=5) == greedy
    assert write(pipeline, do_sample=True, top_k=1, seed=1) == greedy


def test_a_chat_is_answered_as_the_models_files_say(tmp_path: Path) -> None:
    pipeline = make(tmp_path, {**ENDS, "do_sample": True, "temperature": 5.0})
    prepared = pipeline.preprocess(PROMPT, {"max_new_tokens": 12}, Run())
    chat = text_generation.Prepared(prepared.token_ids, prepared.max_length, chat=True)
    tokens = [pipeline.forward(chat, {"seed": seed}, Run())["token_ids"].tolist() for seed in (1, 1, 2, 3, 4)]
    assert tokens[0] == tokens[1]
    assert len({tuple(row) for row in tokens}) > 1
    assert pipeline.forward(chat, {"do_sample": False}, Run())["token_ids"].tolist() == (
        pipeline.forward(prepared, {}, Run())["token_ids"].tolist()
    )


def test_a_repetition_penalty_and_ngrams_go_before_the_models(tmp_path: Path) -> None:
    pipeline = make(tmp_path, {**ENDS, "no_repeat_ngram_size": 1, "repetition_penalty": 1.5})
    words = write(pipeline, "red green").text.split()
    assert len(words) == len(set(words))
    free = write(pipeline, no_repeat_ngram_size=0, repetition_penalty=1.0)
    assert free == write(make(tmp_path))


def test_an_answer_ends_before_one_of_several_texts(tmp_path: Path) -> None:
    whole = write(make(tmp_path)).text
    words = whole.split()
    seen: list[Any] = []
    stops = [words[4], words[3]]
    got = write(make(tmp_path), run=Run(on_partial=seen.append), stop=stops)
    assert got.text == whole[: min(whole.index(stop) for stop in stops)]
    assert got.finish == "stop"
    assert all(got.text.startswith(item.text) for item in seen)
    by_model = make(tmp_path, {**ENDS, "stop_strings": stops})
    assert write(by_model) == got
    assert write(by_model, stop=[]).text == whole
    assert write(make(tmp_path, {**ENDS, "stop_strings": words[3]})).text == whole[: whole.index(words[3])]


def test_a_model_without_an_end_token_goes_on_to_the_length(tmp_path: Path) -> None:
    run = Run()
    answer = write(make(tmp_path, {}), run=run)
    assert (answer.token_count, answer.finish) == (12, "length")
    assert [notice.code for notice in run.notices] == ["generation-not-ended"]


def test_an_end_token_ends_it(tmp_path: Path) -> None:
    answer = write(make(tmp_path, bias=np.eye(len(WORDS))[3] * 1e4))
    assert (answer.text, answer.token_count, answer.finish) == ("", 0, "stop")


def test_an_empty_prompt_begins_a_text_where_a_model_has_a_token_for_that(tmp_path: Path) -> None:
    assert write(make(tmp_path), "").token_count > 0
    files = language_model_files(tmp_path / "other", {"eos_token_id": 3})
    config = (tmp_path / "other" / "config.json").read_text("utf-8")
    (tmp_path / "other" / "config.json").write_text(config.replace('"bos_token_id": 2', '"x": 0'), "utf-8")
    pipeline = TextGeneration(files, {"model": load(grouped_query_model(tmp_path / "other" / "model.onnx"))})
    with pytest.raises(InputError) as caught:
        write(pipeline, "")
    assert caught.value.code == "text-no-tokens"


@pytest.mark.parametrize(("bias", "code"), [(np.nan, "graph-not-finite"), (-np.inf, "generation-no-token")])
@pytest.mark.parametrize("do_sample", [True, False])
def test_scores_that_leave_no_token_are_an_error(tmp_path: Path, bias: float, code: str, do_sample: bool) -> None:
    with pytest.raises(EngineError) as caught:
        write(make(tmp_path, bias=np.full(len(WORDS), bias)), do_sample=do_sample)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "setting",
    [
        {"temperature": -1},
        {"top_p": 2},
        {"guidance_scale": 3},
        {"top_k": "many"},
        {"stop_strings": [1]},
        {"stop_strings": {"a": 1}},
        {"bos_token_id": "x"},
        {"eos_token_id": ["x"]},
        {"repetition_penalty": float("nan")},
    ],
)
def test_a_setting_that_makes_no_sense_is_an_error_at_once(tmp_path: Path, setting: dict[str, Any]) -> None:
    with pytest.raises(ModelError) as caught:
        make(tmp_path, {**ENDS, **setting})
    assert caught.value.arguments["name"] == next(iter(setting))


@pytest.mark.parametrize("value", ["many", -5, 0.5, True, [2048], 1e400])
def test_a_context_that_makes_no_sense_is_an_error_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: Any
) -> None:
    monkeypatch.setitem(CONFIG, "max_position_embeddings", value)
    with pytest.raises(ModelError) as caught:
        make(tmp_path)
    assert caught.value.code == "model-bad-setting"
    assert caught.value.arguments["name"] == "max_position_embeddings"


def test_the_text_so_far_is_told_no_more_often_than_it_can_be_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline = make(tmp_path, {})
    for every_s, count in ((0.0, 12), (1e9, 1)):
        monkeypatch.setattr(text_generation, "PARTIAL_EVERY_S", every_s)
        seen: list[Any] = []
        answer = write(pipeline, run=Run(on_partial=seen.append))
        assert len(seen) == count
        assert all(answer.text.startswith(item.text) and item.finish == "" for item in seen)
        assert [item.speed.new_tokens for item in seen] == list(range(1, count + 1))


def test_speed_is_told(tmp_path: Path) -> None:
    speed = write(make(tmp_path, {})).speed
    assert speed
    assert (speed.prompt_tokens, speed.new_tokens) == (5, 12)
    assert speed.first_token_s > 0
    assert speed.tokens_per_s == pytest.approx(11 / speed.rest_s)
