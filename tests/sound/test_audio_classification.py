"""Labels of sounds: what is heard of long, short and silent ones, and what is said of files that do not fit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from workbench.errors import InputError, ModelError
from workbench.results import Labels
from workbench.runtime.sound_features import receptive_field, sound_features
from workbench.tasks.audio_classification import AudioClassification
from workbench.tasks.base import Array, ModelFiles, Outputs, Run

RATE = 16_000
WAVE = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": RATE, "do_normalize": False}
AST = {"feature_extractor_type": "ASTFeatureExtractor", "max_length": 100, "num_mel_bins": 32}


class Loudness:
    """A graph whose two logits are the mean and the largest value of what it is given."""

    output_names = ("logits",)
    input_shapes: Mapping[str, Any] = {}

    def __init__(self, *inputs: str, dtype: str = "float32") -> None:
        self.input_names = inputs or ("input_values",)
        self.input_dtypes = {name: np.dtype("int64" if "mask" in name else dtype) for name in self.input_names}
        self.given: list[Mapping[str, Array]] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        assert {name: value.dtype for name, value in feeds.items()} == self.input_dtypes
        self.given.append(dict(feeds))
        values = next(iter(feeds.values()))
        return {"logits": np.array([[values.mean(), values.max()]], np.float32)}


def files(folder: Path, settings: Mapping[str, Any] = WAVE, **config: Any) -> ModelFiles:
    labels = {"id2label": {"0": "mean", "1": "peak"}, "model_type": "wav2vec2"}
    (folder / "config.json").write_text(json.dumps(labels | config), "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    return ModelFiles(folder, {})


def item(samples: Any) -> dict[str, Any]:
    return {"array": np.asarray(samples, np.float32), "sampling_rate": RATE}


def test_a_file_of_any_rate_is_heard(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tone.wav", np.full(48_000, 0.5), 48_000, subtype="FLOAT")
    graph = Loudness()
    got = AudioClassification(files(tmp_path), {"model": graph})(str(tmp_path / "tone.wav"), {}, Run())
    assert isinstance(got, Labels)
    assert [label.label for label in got.labels] == ["peak", "mean"]
    assert graph.given[0]["input_values"].shape == (1, RATE)


def test_a_graph_with_a_mask_gets_one(tmp_path: Path) -> None:
    graph = Loudness("input_values", "attention_mask", dtype="float16")
    AudioClassification(files(tmp_path), {"model": graph})(item(np.ones(500)), {}, Run())
    assert graph.given[0]["attention_mask"].tolist() == [[1] * 500]


def test_a_long_sound_is_heard_in_parts_whose_logits_are_averaged(tmp_path: Path) -> None:
    sound = np.repeat(np.float32([0.1, 0.2, 0.6]), 50 * RATE)
    graph, run, steps = Loudness(), Run(), []
    run.on_progress = lambda *step: steps.append(step)
    got = AudioClassification(files(tmp_path), {"model": graph})(item(sound), {"function_to_apply": "none"}, run)
    assert [values["input_values"].shape for values in graph.given] == [(1, 50 * RATE)] * 3
    assert isinstance(got, Labels)
    assert [label.score for label in got.labels] == pytest.approx([0.3, 0.3], abs=1e-4)
    assert [notice.code for notice in run.notices] == ["sound-heard-in-parts"]
    assert steps[-1] == ("classify", 3, 3, "parts")


def test_a_model_of_one_length_hears_the_beginning_and_says_so(tmp_path: Path) -> None:
    graph, run = Loudness(), Run()
    pipeline = AudioClassification(files(tmp_path, AST), {"model": graph})
    pipeline(item(np.random.default_rng(1).uniform(-1, 1, 3 * RATE)), {}, run)
    assert graph.given[0]["input_values"].shape == (1, 100, 32)
    assert [notice.code for notice in run.notices] == ["sound-beginning-heard"]
    pipeline(item(np.zeros(RATE // 2)), {}, quiet := Run())
    assert quiet.notices == []


@pytest.mark.parametrize("settings", [WAVE | {"do_normalize": True}, AST], ids=["wave", "spectrogram"])
def test_silence_has_an_answer(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    got = AudioClassification(files(tmp_path, settings), {"model": Loudness()})(item(np.zeros(RATE)), {}, Run())
    assert isinstance(got, Labels)
    assert np.isfinite([label.score for label in got.labels]).all()


@pytest.mark.parametrize("settings", [WAVE, AST], ids=["wave", "spectrogram"])
def test_a_tenth_of_a_second_has_an_answer_and_a_click_has_none(tmp_path: Path, settings: Mapping[str, Any]) -> None:
    pipeline = AudioClassification(files(tmp_path, settings), {"model": Loudness()})
    assert isinstance(pipeline(item(np.zeros(RATE // 10)), {}, Run()), Labels)
    with pytest.raises(InputError) as caught:
        pipeline(item(np.zeros(399)), {}, Run())
    assert caught.value.code == "sound-too-short"
    assert caught.value.arguments["least"] == 0.025


def test_a_text_in_place_of_a_sound(tmp_path: Path) -> None:
    pipeline = AudioClassification(files(tmp_path), {"model": Loudness()})
    (tmp_path / "notes.wav").write_text("not a sound\n" * 100, "utf-8")
    with pytest.raises(InputError) as caught:
        pipeline(str(tmp_path / "notes.wav"), {}, Run())
    assert caught.value.code == "sound-unreadable"
    with pytest.raises(InputError) as caught:
        pipeline(7, {}, Run())
    assert caught.value.code == "sound-bad-input"


@pytest.mark.parametrize(
    ("settings", "code", "name"),
    [
        (WAVE | {"pre_emphasis": 0.9}, "model-unknown-setting", "pre_emphasis"),
        (WAVE | {"feature_size": 2}, "model-bad-setting", "feature_size"),
        (WAVE | {"sampling_rate": "fast"}, "model-bad-setting", "sampling_rate"),
        (WAVE | {"sampling_rate": 0}, "model-bad-setting", "sampling_rate"),
        (WAVE | {"do_normalize": 1}, "model-bad-setting", "do_normalize"),
        (AST | {"hop_length": 200}, "model-unknown-setting", "hop_length"),
        ({"feature_extractor_type": "SeamlessM4TFeatureExtractor", "stride": 3}, "model-bad-setting", "stride"),
        ({"feature_extractor_type": "Speech2TextFeatureExtractor", "dither": 1.0}, "model-bad-setting", "dither"),
        ({"feature_extractor_type": "ClapFeatureExtractor"}, "model-bad-setting", "feature_extractor_type"),
    ],
)
def test_settings_that_are_not_understood_are_named(
    tmp_path: Path, settings: Mapping[str, Any], code: str, name: str
) -> None:
    with pytest.raises(ModelError) as caught:
        sound_features(files(tmp_path, settings))
    assert caught.value.code == code
    assert caught.value.arguments["name"] == name


def test_harmless_settings_and_those_of_padding_are_left_alone(tmp_path: Path) -> None:
    more = {"return_attention_mask": True, "padding_side": "right", "padding_value": 0.0, "processor_class": "X"}
    assert sound_features(files(tmp_path, WAVE | more)).sampling_rate == RATE


def test_an_old_file_without_a_class_is_that_of_the_model(tmp_path: Path) -> None:
    settings = {"max_length": 10, "num_mel_bins": 8}
    found = sound_features(files(tmp_path, settings, model_type="audio-spectrogram-transformer"))
    assert found.heard_samples == 9 * 160 + 400


def test_missing_settings_and_other_graphs(tmp_path: Path) -> None:
    wanted = files(tmp_path)
    with pytest.raises(ModelError) as caught:
        AudioClassification(wanted, {"model": Loudness("input_features")})
    assert caught.value.code == "model-unknown-input"
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(ModelError) as caught:
        sound_features(wanted)
    assert caught.value.code == "model-file-missing"


FILE = Path("config.json")


def test_the_receptive_field_is_that_of_the_convolutions() -> None:
    assert receptive_field({}, FILE) == 400
    assert receptive_field({"conv_kernel": [3, 2], "conv_stride": [2, 1]}, FILE) == 5
    assert receptive_field({"model_type": "moonshine"}, FILE) == 895
    for wrong in ("x", [3, -2], [3, None], {"a": 1}, True):
        with pytest.raises(ModelError, match="conv_kernel"):
            receptive_field({"conv_kernel": wrong}, FILE)


def test_the_bands_of_speech2text_have_mean_0_and_variance_1(tmp_path: Path) -> None:
    settings = {"feature_extractor_type": "Speech2TextFeatureExtractor", "num_mel_bins": 8}
    noise = np.random.default_rng(1).normal(0, 0.1, RATE).astype(np.float32)
    raw = sound_features(files(tmp_path, settings | {"do_ceptral_normalize": False}))(noise, "noise", Run())
    centred = sound_features(files(tmp_path, settings | {"normalize_vars": False}))(noise, "noise", Run())
    whole = sound_features(files(tmp_path, settings, model_type="speech_to_text"))(noise, "noise", Run())
    bands = raw["input_features"][0].astype(np.float64)
    assert bands.shape == (98, 8)
    np.testing.assert_allclose(centred["input_features"][0], bands - bands.mean(0), atol=1e-5)
    np.testing.assert_allclose(whole["input_features"][0], (bands - bands.mean(0)) / bands.std(0), atol=1e-4)
    assert whole["attention_mask"].tolist() == [[1] * 98]


def test_silence_is_0_to_speech2text(tmp_path: Path) -> None:
    heard = sound_features(files(tmp_path, {"feature_extractor_type": "Speech2TextFeatureExtractor"}))
    assert not heard(np.zeros(RATE, np.float32), "silence", Run())["input_features"].any()
