"""Speech to text letter by letter: chunks, segments, vocabularies in other files, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from workbench.errors import InputError, ModelError, UsageError
from workbench.results import Segment, Transcript
from workbench.runtime.ctc import Letters
from workbench.tasks.asr_ctc import CtcRecognition, step_samples
from workbench.tasks.asr_params import refuse_ctc_params
from workbench.tasks.automatic_speech_recognition import PIPELINE
from workbench.tasks.base import Array, ModelFiles, Outputs, Run
from workbench.tasks.catalog import check_params, task_info

RATE, STEP = 16_000, 320
TOKENS = ("<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C")
VOCABULARY = {token: n for n, token in enumerate(TOKENS)}


class Speller:
    """A graph that says at each step the token whose number stands in the samples, and keeps what it was given."""

    input_names = ("input_values",)
    output_names = ("logits",)
    input_shapes: Mapping[str, Any] = {}
    input_dtypes: Mapping[str, Any] = {"input_values": np.dtype("float32")}

    def __init__(self) -> None:
        self.lengths: list[int] = []

    def run(self, feeds: Mapping[str, Array], run: Run, outputs: tuple[str, ...] | None = None) -> Outputs:
        (samples,) = feeds["input_values"]
        self.lengths.append(len(samples))
        steps = (len(samples) - 400) // STEP + 1
        return {"logits": np.eye(len(TOKENS), dtype=np.float32)[None, samples[::STEP][:steps].astype(int)]}


def files(folder: Path, vocabulary: Any = VOCABULARY, **settings: Any) -> ModelFiles:
    config = {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForCTC"]}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps({"do_normalize": False}), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    if vocabulary is not None:
        (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    return ModelFiles(folder, {})


def spelled(*tokens: int) -> dict[str, Any]:
    """A sound that says these tokens, a step each, and a silent one at the end, which is too short for a step."""
    return {"array": np.repeat(np.array([*tokens, 0], np.float32), STEP), "sampling_rate": RATE}


def recognised(folder: Path, item: Any, **params: Any) -> Transcript:
    got = PIPELINE(files(folder), {"model": Speller()})(item, params, Run())
    assert isinstance(got, Transcript)
    return got


def test_segments_end_at_pauses(tmp_path: Path) -> None:
    # Without a delimiter a word goes on over any pause, as in the reference.
    got = recognised(tmp_path, spelled(5, 5, 6, 4, 7, *[0] * 40, 5))
    assert got == Transcript("AB CA", (Segment("AB CA", 0.0, 0.92),))
    got = recognised(tmp_path, spelled(5, 4, 6, *[0] * 40, 4, 7, 4, 5))
    assert got.segments == (Segment("A B", 0.0, 0.06), Segment("C A", 0.88, 0.94))


def test_long_talk_without_a_pause_is_cut(tmp_path: Path) -> None:
    got = recognised(tmp_path, spelled(*[5, 4] * 1000))
    assert [item.end_s - item.start_s <= 15 for item in got.segments] == [True] * 3
    assert " ".join(item.text for item in got.segments) == got.text


@pytest.mark.parametrize(
    ("asked", "unit", "first"),
    [(True, "segment", "AB C"), ("word", "word", "AB"), ("char", "char", "A"), (False, "segment", None)],
)
def test_times_are_those_that_were_asked_for(tmp_path: Path, asked: Any, unit: str, first: str | None) -> None:
    got = recognised(tmp_path, spelled(5, 6, 4, 7), return_timestamps=asked)
    assert (got.text, got.unit) == ("AB C", unit)
    assert (got.segments[0].text if got.segments else None) == first


@pytest.mark.parametrize(
    ("given", "value"),
    [("true", True), ("False", False), (True, True), ("word", "word"), ("char", "char")],
)
def test_old_and_new_values_of_return_timestamps(given: Any, value: Any) -> None:
    task = task_info("automatic-speech-recognition")
    assert check_params(task, {"return_timestamps": given})["return_timestamps"] == value


@pytest.mark.parametrize("given", ["segment", "1", 2, "words"])
def test_other_values_of_return_timestamps(given: Any) -> None:
    with pytest.raises(UsageError, match="one of true, false, word, char"):
        check_params(task_info("automatic-speech-recognition"), {"return_timestamps": given})


def test_a_long_sound_is_heard_in_chunks_and_reads_the_same(tmp_path: Path) -> None:
    item = spelled(*np.random.default_rng(2).integers(0, len(TOKENS), 8000))
    graph, seen, steps = Speller(), [], []
    run = Run(on_partial=seen.append, on_progress=lambda *step: steps.append(step))
    got = PIPELINE(files(tmp_path), {"model": graph})(item, {}, run)
    assert isinstance(got, Transcript)
    assert max(graph.lengths) == 30 * RATE
    assert len(graph.lengths) == len(seen) == 8
    assert seen[-1] == got
    assert steps[-1][:2] == ("transcribe", pytest.approx(160.02))
    whole = recognised(tmp_path, item, chunk_length_s=0.0)
    assert got == whole


def test_silence_is_an_empty_text(tmp_path: Path) -> None:
    assert recognised(tmp_path, spelled(*[0] * 50)) == Transcript("", ())


def test_what_is_too_short(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        recognised(tmp_path, {"array": np.zeros(399, np.float32), "sampling_rate": RATE})
    assert caught.value.code == "sound-too-short"
    assert recognised(tmp_path, {"array": np.zeros(1600, np.float32), "sampling_rate": RATE}).text == ""


@pytest.mark.parametrize(("name", "value"), [("language", "de"), ("task", "translate")])
def test_other_languages_are_refused(tmp_path: Path, name: str, value: str) -> None:
    with pytest.raises(UsageError) as caught:
        recognised(tmp_path, spelled(5), **{name: value})
    assert caught.value.code == "asr-one-language"


def test_a_chunk_that_is_too_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="chunk_length_s"):
        recognised(tmp_path, spelled(5), chunk_length_s=0.001)


@pytest.mark.parametrize("params", [{"return_timestamps": "word"}, {"chunk_length_s": 20.0}])
def test_other_models_refuse_what_only_ctc_has(params: Mapping[str, Any]) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_ctc_params(params)
    assert caught.value.code == "asr-ctc-only"
    refuse_ctc_params({"return_timestamps": True, "chunk_length_s": None})


def test_a_tokenizer_file_with_a_ctc_decoder_will_do(tmp_path: Path) -> None:
    wanted = files(tmp_path, None)
    document: dict[str, Any] = {
        "model": {"vocab": {token: n for token, n in VOCABULARY.items() if token != "C"}},
        "added_tokens": [{"id": 7, "content": "C"}],
        "decoder": {"type": "CTC", "pad_token": "<pad>", "word_delimiter_token": "|"},
    }
    (tmp_path / "tokenizer.json").write_text(json.dumps(document), "utf-8")
    letters = Letters.of_model(wanted)
    assert letters.text(letters.letters(np.array([5, 5, 0, 5, 4, 7]))) == "AA C"
    (tmp_path / "tokenizer.json").write_text(json.dumps(document | {"decoder": {"type": "WordPiece"}}), "utf-8")
    with pytest.raises(ModelError, match="no CTC decoder"):
        Letters.of_model(wanted)


@pytest.mark.parametrize(
    ("vocabulary", "settings", "code"),
    [
        (None, {}, "model-file-missing"),
        ({"A": "one"}, {}, "model-bad-file"),
        (VOCABULARY, {"tokenizer_class": "Wav2Vec2PhonemeCTCTokenizer"}, "model-bad-setting"),
        ({"eng": VOCABULARY}, {}, "model-bad-setting"),
        ({"eng": VOCABULARY}, {"target_lang": "deu"}, "model-bad-setting"),
    ],
)
def test_vocabularies_that_are_not_understood(
    tmp_path: Path, vocabulary: Any, settings: Mapping[str, Any], code: str
) -> None:
    with pytest.raises(ModelError) as caught:
        Letters.of_model(files(tmp_path, vocabulary, **settings))
    assert caught.value.code == code


def test_logits_of_torch_are_read_too(tmp_path: Path) -> None:
    pipeline = CtcRecognition(files(tmp_path), {"model": Speller()})
    prepared = pipeline.preprocess(spelled(5, 4, 6), {}, Run())
    outputs = pipeline.reference_outputs(prepared, {}, Run(), {})
    assert pipeline.postprocess(outputs, prepared, {}, Run()) == pipeline(spelled(5, 4, 6), {}, Run())


def test_a_step_is_as_long_as_the_strides_say() -> None:
    assert step_samples({"model_type": "hubert", "conv_stride": [5, 2, 2]}) == 20
    assert step_samples({"model_type": "wav2vec2-bert"}) == 320
    assert step_samples({"model_type": "wav2vec2-bert", "add_adapter": True, "num_adapter_layers": 2}) == 1280


def test_a_kind_that_is_neither_is_named(tmp_path: Path) -> None:
    wanted = files(tmp_path)
    (tmp_path / "config.json").write_text('{"model_type": "parrot"}', "utf-8")
    with pytest.raises(ModelError) as caught:
        PIPELINE(wanted, {"encoder_model": Speller()})
    assert caught.value.code == "asr-unknown-model"
    assert isinstance(PIPELINE(wanted, {"model": Speller()}), CtcRecognition)
