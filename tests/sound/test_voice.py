"""Text to speech: letters, long texts, what a graph offers, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import EngineError, InputError, ModelError, UsageError
from workbench.results import Audio
from workbench.runtime.spectrum import mean_spectrum
from workbench.runtime.voice_text import VoiceText
from workbench.tasks.agreement import agreement
from workbench.tasks.base import Array, ModelFiles, Outputs, Run
from workbench.tasks.text_to_speech import TextToSpeech

RATE = 16_000
LETTERS = {letter: n for n, letter in enumerate("_ abcdefghijklmnopqrstuvwxyz.")}
PLAIN: dict[str, Any] = {"phonemize": False, "pad_token": "_", "unk_token": "_"}


class Buzzer:
    """A graph that gives 100 samples for each letter, as loud as the noise it is asked for."""

    input_names = ("input_ids", "attention_mask")
    output_names = ("waveform",)
    input_shapes: Mapping[str, Any] = {}
    input_dtypes: Mapping[str, Any] = dict.fromkeys(input_names, np.dtype("int64"))

    def __init__(self, *optional: str, value: float = 0.5) -> None:
        self.optional_inputs = dict.fromkeys(optional, np.dtype("float16"))
        self.value = value
        self.given: list[Mapping[str, Array]] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        types = {**self.input_dtypes, **self.optional_inputs}
        assert {name: value.dtype for name, value in feeds.items()} == {name: types[name] for name in feeds}
        self.given.append(dict(feeds))
        length = int(100 * feeds["input_ids"].size * feeds.get("length_scale", 1.0))
        return {"waveform": np.full((1, length), self.value, np.float32)}


def files(folder: Path, vocabulary: Any = LETTERS, **settings: Any) -> ModelFiles:
    (folder / "config.json").write_text(json.dumps({"model_type": "vits", "sampling_rate": RATE}), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(PLAIN | settings), "utf-8")
    if vocabulary is not None:
        (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    return ModelFiles(folder, {})


def spoken(folder: Path, text: Any, graph: Buzzer | None = None, run: Run | None = None, **params: Any) -> Audio:
    got = TextToSpeech(files(folder), {"model": graph or Buzzer()})(text, params, run or Run())
    assert isinstance(got, Audio)
    return got


def test_a_text_is_spoken(tmp_path: Path) -> None:
    graph = Buzzer()
    got = spoken(tmp_path, "Hi, you!", graph)
    assert graph.given[0]["input_ids"].tolist() == [[0, 9, 0, 10, 0, 1, 0, 26, 0, 16, 0, 22, 0]]
    assert graph.given[0]["attention_mask"].tolist() == [[1] * 13]
    assert (got.samples.shape, got.sampling_rate, got.samples.dtype) == ((1300,), RATE, np.float32)


def test_speed_and_noise_go_to_the_inputs_of_the_graph(tmp_path: Path) -> None:
    graph = Buzzer("noise_scale", "length_scale")
    got = spoken(tmp_path, "hi", graph, speaking_rate=2.0, noise_scale=0.25, noise_scale_duration=None)
    assert len(got.samples) == 250
    assert {name: value.tolist() for name, value in graph.given[0].items() if "scale" in name} == {
        "noise_scale": 0.25,
        "length_scale": 0.5,
    }


@pytest.mark.parametrize("name", ["speaking_rate", "noise_scale", "noise_scale_duration"])
def test_what_a_graph_does_not_offer_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        spoken(tmp_path, "hi", Buzzer(), **{name: 0.5})
    assert (caught.value.code, caught.value.arguments["name"]) == ("tts-no-scale", name)


def test_a_long_text_is_spoken_in_parts_that_end_with_sentences(tmp_path: Path) -> None:
    graph, run, steps = Buzzer(), Run(), []
    run.on_progress = lambda *step: steps.append(step)
    sentence = "the quick brown fox jumps over the lazy dog and goes on."
    got = spoken(tmp_path, " ".join([sentence] * 20), graph, run)
    assert len(graph.given) == 3
    assert all(feeds["input_ids"][0, -2] == LETTERS["."] for feeds in graph.given)
    assert [notice.code for notice in run.notices] == ["tts-in-parts"]
    assert steps[-1] == ("speak", 3, 3, "parts")
    ids = sum(feeds["input_ids"].size for feeds in graph.given)
    assert len(got.samples) == 100 * ids + 2 * int(0.2 * RATE)


def test_a_text_without_an_end_is_cut_at_words_and_within_them(tmp_path: Path) -> None:
    graph = Buzzer()
    spoken(tmp_path, "word " * 300 + "x" * 1000, graph)
    lengths = [feeds["input_ids"].size // 2 for feeds in graph.given]
    assert max(lengths) <= 400
    letters = sum(int((feeds["input_ids"] > 1).sum()) for feeds in graph.given)
    assert letters == 300 * 4 + 1000


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "tts-nothing-to-say"),
        (" \n ", "tts-nothing-to-say"),
        ("你好！", "tts-nothing-to-say"),
        ("a" * 20_001, "tts-too-long"),
        ("word " * 100_000, "tts-too-long"),
        (7, "text-bad-input"),
        ({"text": None}, "text-bad-input"),
    ],
)
def test_texts_that_cannot_be_spoken(tmp_path: Path, text: Any, code: str) -> None:
    with pytest.raises(InputError) as caught:
        spoken(tmp_path, text)
    assert caught.value.code == code


def test_samples_that_are_no_numbers(tmp_path: Path) -> None:
    with pytest.raises(EngineError) as caught:
        spoken(tmp_path, "hi", Buzzer(value=np.nan))
    assert caught.value.code == "graph-not-finite"


@pytest.mark.parametrize(
    ("vocabulary", "settings", "code"),
    [
        (None, {}, "model-file-missing"),
        ({"a": "b"}, {}, "model-bad-file"),
        (LETTERS, {"phonemize": True}, "tts-needs-phonemes"),
        (LETTERS, {"add_blank": 1}, "model-bad-setting"),
        (LETTERS, {"tokenizer_class": "SpeechT5Tokenizer"}, "model-bad-setting"),
    ],
)
def test_voices_that_are_not_supported(tmp_path: Path, vocabulary: Any, settings: Mapping[str, Any], code: str) -> None:
    with pytest.raises(ModelError) as caught:
        VoiceText.of_model(files(tmp_path, vocabulary, **settings))
    assert caught.value.code == code


def test_phonemes_are_asked_for_where_no_file_says_otherwise(tmp_path: Path) -> None:
    wanted = files(tmp_path)
    (tmp_path / "tokenizer_config.json").unlink()
    with pytest.raises(ModelError, match="phonemizer"):
        VoiceText.of_model(wanted)


def test_a_voice_of_latin_letters_says_what_to_do_with_others(tmp_path: Path) -> None:
    voice = VoiceText.of_model(files(tmp_path, is_uroman=True))
    assert voice.readable("Plain!") == "plain"
    with pytest.raises(InputError, match="uroman"):
        voice.readable("добре")


def test_a_letter_without_an_id_is_named(tmp_path: Path) -> None:
    voice = VoiceText(LETTERS, {}, None, None, add_blank=False, normalize=False, romanized=False)
    with pytest.raises(InputError, match="'é'"):
        voice.encode("é")


def test_graphs_that_are_no_voices(tmp_path: Path) -> None:
    graph = Buzzer()
    graph.input_names = ("input_ids", "speaker_id")  # type: ignore[assignment]  # another graph
    with pytest.raises(ModelError) as caught:
        TextToSpeech(files(tmp_path), {"model": graph})
    assert (caught.value.code, caught.value.arguments["name"]) == ("model-unknown-input", "speaker_id")
    mute = Buzzer()
    mute.output_names = ("spectrogram",)
    with pytest.raises(ModelError) as caught:
        TextToSpeech(files(tmp_path), {"model": mute})
    assert caught.value.code == "graph-no-output"


def test_a_spectrum_tells_where_the_power_is() -> None:
    time = np.arange(RATE) / RATE
    tone = (0.5 * np.sin(2 * np.pi * 1000 * time)).astype(np.float32)
    spectrum = mean_spectrum(tone)
    assert spectrum.shape == (64,)
    assert int(np.argmax(spectrum)) == 1000 // 125 - 1
    assert mean_spectrum(np.zeros(0, np.float32)).max() == 0
    assert mean_spectrum(np.zeros(100, np.float32)).max() == 0


def test_sounds_agree_by_spectrum_and_length() -> None:
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, RATE).astype(np.float32)
    other = np.random.default_rng(2).uniform(-0.5, 0.5, RATE).astype(np.float32)
    tone = np.sin(np.arange(RATE) * 0.3).astype(np.float32)
    assert agreement(Audio(noise, RATE), Audio(noise, RATE)).value == pytest.approx(1)
    assert agreement(Audio(noise, RATE), Audio(other, RATE)).value > 0.999
    assert agreement(Audio(noise, RATE), Audio(noise[: RATE // 2], RATE)).value == pytest.approx(0.5, abs=0.01)
    assert agreement(Audio(noise, RATE), Audio(tone, RATE)).value < 0.8
