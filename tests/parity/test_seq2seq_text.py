"""Summaries, translations and other texts out of texts against transformers' pipelines, greedy and with beams."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.errors import Cancelled, ModelError, UsageError
from workbench.results import Text
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks import summarization, text2text_generation, translation
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.seq2seq_text import Seq2SeqText

pytestmark = pytest.mark.toolchain

PIPELINES: dict[str, type[Seq2SeqText]] = {
    "text2text-generation": text2text_generation.PIPELINE,
    "summarization": summarization.PIPELINE,
    "translation": translation.PIPELINE,
}
MERGED = ("encoder_model", "decoder_model_merged")
APART = ("encoder_model", "decoder_model", "decoder_with_past_model")
QUICK, LONG = ("marian",), ("t5", "mt5", "bart", "mbart")
slow = pytest.mark.slow
MODELS = [*QUICK, *(pytest.param(name, marks=slow) for name in ("t5", "mt5", "bart"))]

Made = Callable[[str], Path]


def sessions(folder: Path, graphs: tuple[str, ...] = MERGED) -> dict[str, Session]:
    return {name: Session(folder / "onnx" / f"{name}.onnx", SessionOptions("cpu", threads=1)) for name in graphs}


def load(folder: Path, task: str, graphs: tuple[str, ...] = MERGED) -> Seq2SeqText:
    return PIPELINES[task](ModelFiles(folder, {}), sessions(folder, graphs))


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Made:
    """The folder of a model. Those that take long to make are made for the slow tests alone."""
    return lambda name: run_toolchain_script("seq2seq_text", *(QUICK if name in QUICK else LONG)) / name


def read_cases(folder: Path) -> list[dict[str, Any]]:
    cases = json.loads((folder.parent / "cases.json").read_text("utf-8"))
    return [case for case in cases if case["model"] == folder.name]


def beside(folder: Path, settings: dict[str, Any], to: Path) -> Path:
    """The model's files with other generation settings."""
    shutil.copytree(folder, to, ignore=shutil.ignore_patterns("onnx", "reference", "*.safetensors"))
    (to / "generation_config.json").write_text(json.dumps(settings), "utf-8")
    return to


@pytest.mark.parametrize("graphs", [MERGED, APART], ids=["merged", "apart"])
@pytest.mark.parametrize("name", MODELS)
def test_tiny_models_write_what_pipelines_write(made: Made, tmp_path: Path, name: str, graphs: tuple[str, ...]) -> None:
    found, opened, same = read_cases(made(name)), sessions(made(name), graphs), Counter[str]()
    pipelines: dict[str, Seq2SeqText] = {}
    for case in found:
        task, _, pair = case["task"].partition("_")
        key = f"{task}-{case['kind']}"
        if key not in pipelines:
            folder = beside(made(name), case["settings"], tmp_path / key)
            pipelines[key] = PIPELINES[task](ModelFiles(folder, {}), opened)
        languages = dict(zip(("src_lang", "tgt_lang"), pair.split("_to_"), strict=True)) if pair else {}
        seen: list[Any] = []
        got = pipelines[key](case["text"], case["params"] | languages, Run(on_partial=seen.append))
        assert isinstance(got, Text)
        assert got.text == case["answer"], (case["kind"], case["task"], case["params"], case["text"])
        assert got.key == {"summarization": "summary_text"}.get(task, f"{task.split('-')[0]}_text").replace(
            "text2text", "generated"
        )
        assert seen
        same[task] += 1
    assert len({case["kind"] for case in found}) >= 10, "too few cases win by a margin"
    assert len({case["answer"] for case in found}) >= len(found) / 8
    for task, count in same.items():
        record(task, name, count, "text identical, greedy and with beams", "tiny, seeded")


@pytest.mark.parametrize(
    ("name", "task"),
    [
        pytest.param("t5", "summarization", marks=slow),
        pytest.param("bart", "translation", marks=slow),
        ("marian", "translation"),
    ],
)
def test_reference_outputs_are_those_of_torch(made: Made, name: str, task: str) -> None:
    pipeline = load(made(name), task)
    measured = verified(pipeline, made(name), {"max_new_tokens": 48})
    assert set(measured["outputs"]) == {"encoder.last_hidden_state", "decoder.logits"}
    assert all(output["max_abs_diff"] < 1e-3 for output in measured["outputs"].values())
    assert measured["agreement"]["worst"] == 1


@pytest.mark.parametrize("beams", [1, 4])
def test_a_cancellation_ends_it_within_a_token(made: Made, beams: int) -> None:
    run, seen = Run(), 0

    def stop(result: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == 3:
            run.cancellation.cancel()

    run.on_partial = stop
    with pytest.raises(Cancelled):
        load(made("marian"), "text2text-generation")("Once upon", {"num_beams": beams, "max_new_tokens": 40}, run)
    assert seen == 3


@slow
def test_a_very_long_text_loses_its_end(made: Made) -> None:
    run = Run()
    got = load(made("t5"), "summarization")("many words " * 50_000, {"max_new_tokens": 3}, run)
    assert isinstance(got, Text)
    assert [notice.code for notice in run.notices] == ["text-truncated"]
    assert run.notices[0].arguments["limit"] == 64


@slow
def test_languages_that_a_model_does_not_have(made: Made) -> None:
    many = load(made("t5"), "translation")
    with pytest.raises(UsageError) as caught:
        many("Hello", {"src_lang": "xx", "tgt_lang": "de"}, Run())
    assert caught.value.arguments["name"] == "src_lang"
    with pytest.raises(UsageError) as caught:
        many("Hello", {"src_lang": "en", "tgt_lang": "xx"}, Run())
    assert caught.value.arguments["name"] == "tgt_lang"
    run = Run()
    load(made("bart"), "translation")("Hello", {"src_lang": "en", "max_new_tokens": 2}, run)
    assert [notice.code for notice in run.notices] == ["translation-one-pair"]


@slow
def test_languages_with_a_token_each_are_named_as_the_model_does(made: Made) -> None:
    pipeline, found = load(made("mbart"), "translation"), read_cases(made("mbart"))
    for case in found:
        got = pipeline(case["text"], case["params"], Run())
        assert isinstance(got, Text)
        assert got.text == case["answer"], case["params"]
    assert len(found) >= 3
    record("translation", "mbart", len(found), "text identical, languages named", "tiny, seeded")
    for name in ("src_lang", "tgt_lang"):
        with pytest.raises(UsageError) as caught:
            pipeline("Hello", {"src_lang": "en_XX", "tgt_lang": "de_DE"} | {name: "xx"}, Run())
        assert caught.value.arguments["name"] == name
    run = Run()
    pipeline("Hello", {"max_new_tokens": 2}, run)
    assert [notice.code for notice in run.notices] == ["translation-no-target"]


def test_a_target_language_of_marian_is_a_code_before_the_text(made: Made) -> None:
    pipeline = load(made("marian"), "translation")
    named = pipeline.preprocess("Hello", {"tgt_lang": "fra"}, Run())
    assert named.token_ids == pipeline.preprocess(">>fra<< Hello", {}, Run()).token_ids
    with pytest.raises(UsageError):
        pipeline.preprocess("Hello", {"tgt_lang": "xxx"}, Run())


def test_marian_spells_as_its_slow_tokenizer_does(made: Made) -> None:
    pipeline = load(made("marian"), "translation")
    rows = json.loads((made("marian").parent / "spellings.json").read_text("utf-8"))
    for row in rows:
        if "text" in row:
            assert list(pipeline.preprocess(row["text"], {}, Run()).token_ids) == row["ids"], row["text"]
        assert pipeline.vocabulary.decode(row["ids"]) == row["back"], row
    record("translation", "marian tokenizer", len(rows), "ids and text identical to the slow tokenizer")


@pytest.mark.parametrize(
    ("name", "value"),
    [("num_beam_groups", 2), ("diversity_penalty", 0.5), ("sequence_bias", [[[3], 1.0]]), ("stop_strings", ["x"])],
)
def test_a_setting_that_is_not_supported_is_named(made: Made, tmp_path: Path, name: str, value: Any) -> None:
    folder = beside(made("marian"), {"eos_token_id": 0, "decoder_start_token_id": 1, name: value}, tmp_path / "model")
    with pytest.raises(ModelError) as caught:
        text2text_generation.PIPELINE(ModelFiles(folder, {}), sessions(made("marian")))
    assert caught.value.code == "generation-unsupported"
    assert caught.value.arguments["name"] == name


def test_what_should_be_drawn_by_chance_is_not_and_it_says_so(made: Made, tmp_path: Path) -> None:
    settings = {"eos_token_id": 0, "decoder_start_token_id": 1, "do_sample": True, "temperature": 0.7, "top_k": 5}
    folder, run = beside(made("marian"), settings, tmp_path / "model"), Run()
    text2text_generation.PIPELINE(ModelFiles(folder, {}), sessions(made("marian")))("Hi", {"max_new_tokens": 4}, run)
    assert [notice.code for notice in run.notices] == ["generation-not-sampled"]
