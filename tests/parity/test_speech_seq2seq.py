"""Speech to text by encoder and decoder against transformers' pipeline: tiny Moonshine and Speech2Text models."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from tests.parity.verifying import verified
from workbench.errors import Cancelled, InputError, ModelError, UsageError
from workbench.results import Transcript
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.asr_seq2seq import PART_S, Seq2SeqRecognition, quiet_cuts
from workbench.tasks.automatic_speech_recognition import PIPELINE
from workbench.tasks.base import ModelFiles, Run

pytestmark = pytest.mark.toolchain

MODELS = ("moonshine", "speech_to_text")
MERGED = ("encoder_model", "decoder_model_merged")
APART = ("encoder_model", "decoder_model", "decoder_with_past_model")
RATE = 16_000


def load(folder: Path, beside: Path | None = None, graphs: tuple[str, ...] = MERGED) -> Seq2SeqRecognition:
    options = SessionOptions("cpu", threads=1)
    opened = {name: Session(folder / "onnx" / f"{name}.onnx", options) for name in graphs}
    pipeline = PIPELINE(ModelFiles(beside or folder, {}), opened)
    assert isinstance(pipeline, Seq2SeqRecognition)
    return pipeline


@pytest.fixture(scope="session")
def made(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("speech_seq2seq")


def sound(samples: Any) -> dict[str, Any]:
    return {"array": samples, "sampling_rate": RATE}


@pytest.mark.parametrize("graphs", [MERGED, APART], ids=["merged", "apart"])
@pytest.mark.parametrize("name", MODELS)
def test_tiny_models_write_what_the_pipeline_writes(
    made: Path, tmp_path: Path, name: str, graphs: tuple[str, ...]
) -> None:
    found = [case for case in json.loads((made / "cases.json").read_text("utf-8")) if case["model"] == name]
    pipelines: dict[str, Seq2SeqRecognition] = {}
    with np.load(made / "sounds.npz") as heard:
        for case in found:
            kind = case["kind"]
            if kind not in pipelines:
                ignored = shutil.ignore_patterns("onnx", "reference", "*.safetensors")
                shutil.copytree(made / name, tmp_path / kind, ignore=ignored)
                (tmp_path / kind / "generation_config.json").write_text(json.dumps(case["settings"]), "utf-8")
                pipelines[kind] = load(made / name, tmp_path / kind, graphs)
            seen: list[Any] = []
            got = pipelines[kind](sound(heard[case["sound"]]), case["params"], Run(on_partial=seen.append))
            assert isinstance(got, Transcript)
            assert got.text == case["answer"], (kind, case["sound"])
            assert seen
            assert all(isinstance(item, Transcript) for item in seen)
    assert len(found) >= 10, "too few cases win by a margin"
    assert len({case["answer"] for case in found}) >= 4
    record("automatic-speech-recognition", name, len(found), "text identical, greedy and with beams", "tiny, seeded")


@pytest.mark.parametrize("name", MODELS)
def test_reference_outputs_are_those_of_torch(made: Path, name: str) -> None:
    measured = verified(load(made / name), made / name)
    assert set(measured["outputs"]) == {"encoder.last_hidden_state", "decoder.logits"}
    assert all(output["cosine"] > 0.9999 for output in measured["outputs"].values())
    assert measured["agreement"]["worst"] == 1


@pytest.mark.parametrize("name", MODELS)
def test_a_long_sound_is_heard_in_parts_with_times(made: Path, name: str) -> None:
    random = np.random.default_rng(1)
    samples = random.normal(0, 0.1, 70 * RATE).astype(np.float32)
    got = load(made / name)(sound(samples), {}, Run())
    assert isinstance(got, Transcript)
    assert len(got.segments) == 3
    assert got.segments[0].start_s == 0
    assert got.segments[-1].end_s == 70
    for before, after in zip(got.segments, got.segments[1:], strict=False):
        assert before.end_s == after.start_s
    bare = load(made / name)(sound(samples[: 5 * RATE]), {"return_timestamps": False}, Run())
    assert isinstance(bare, Transcript)
    assert bare.segments == ()


def test_the_rest_behind_a_cut_is_never_too_short_for_a_model() -> None:
    samples = np.ones(PART_S * RATE + 1, np.float32)
    samples[-1600:] = 0
    parts = quiet_cuts(samples, RATE)
    assert [start for start, _ in parts] == [0, parts[0][1]]
    assert min(end - start for start, end in parts) >= 895


@pytest.mark.parametrize("name", MODELS)
def test_silence_and_sounds_without_length(made: Path, name: str) -> None:
    pipeline = load(made / name)
    quiet = pipeline(sound(np.zeros(RATE, np.float32)), {}, Run())
    assert isinstance(quiet, Transcript)
    with pytest.raises(InputError) as caught:
        pipeline(sound(np.zeros(100, np.float32)), {}, Run())
    assert caught.value.code == "sound-too-short"


def test_a_choice_that_the_model_does_not_have(made: Path) -> None:
    pipeline, second = load(made / "moonshine"), sound(np.zeros(RATE, np.float32))
    for params in ({"language": "en"}, {"task": "translate"}):
        with pytest.raises(UsageError) as caught:
            pipeline(second, params, Run())
        assert caught.value.code == "asr-no-choice"


def test_a_cancellation_ends_it(made: Path) -> None:
    run = Run(on_partial=lambda partial: run.cancellation.cancel())
    with pytest.raises(Cancelled):
        load(made / "moonshine")(sound(np.ones(RATE, np.float32)), {}, run)


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("dither", 1.0, "model-bad-setting"),
        ("num_mel_bins", "80", "model-bad-setting"),
        ("frame_length", 30, "model-unknown-setting"),
        ("feature_extractor_type", "ClapFeatureExtractor", "model-bad-setting"),
    ],
)
def test_settings_of_features_that_are_not_known_are_named(
    made: Path, tmp_path: Path, name: str, value: Any, code: str
) -> None:
    ignored = shutil.ignore_patterns("onnx", "reference", "*.safetensors")
    folder = Path(shutil.copytree(made / "speech_to_text", tmp_path / "model", ignore=ignored))
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {name: value}), "utf-8")
    with pytest.raises(ModelError) as caught:
        load(made / "speech_to_text", folder)
    assert caught.value.code == code
    assert caught.value.arguments["name"] == name
