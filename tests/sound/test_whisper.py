"""Whisper's rules by hand, and whole sounds over graphs that say what the test wants."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import AddedToken, Tokenizer, decoders, models

from tests.sound.fakes import FakeDecoder, FakeEncoder
from workbench.errors import Cancelled, InputError, ModelError, UsageError
from workbench.results import Segment, Transcript
from workbench.tasks.asr_whisper import WhisperRecognition
from workbench.tasks.automatic_speech_recognition import PIPELINE
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.whisper import Cut, WhisperTokens, cut_window, timestamp_rules

LETTERS = "abcdefghijklmnopqrstuvwxyz "
END, START, EN, DE, TRANSLATE, TRANSCRIBE, NO_TIMES = range(len(LETTERS), len(LETTERS) + 7)
FIRST = NO_TIMES + 1
SPECIAL = ("<|end|>", "<|start|>", "<|en|>", "<|de|>", "<|translate|>", "<|transcribe|>", "<|notimestamps|>")
RATE = 16_000


def at(seconds: float) -> int:
    return FIRST + round(seconds / 0.02)


def words(text: str) -> list[int]:
    return [LETTERS.index(letter) for letter in text]


TOKENS = WhisperTokens(
    start=START,
    end=frozenset([END]),
    no_timestamps=NO_TIMES,
    languages={"en": EN, "de": DE},
    tasks={"translate": TRANSLATE, "transcribe": TRANSCRIBE},
    multilingual=True,
    max_length=40,
    max_initial_timestamp=50,
)


def allowed(generated: Sequence[int], scores: Any = None) -> set[int]:
    """The tokens that the rules leave possible; text is likelier than timestamps unless ``scores`` say otherwise."""
    if scores is None:
        scores = np.full(FIRST + 1501, -20, np.float32)
        scores[:FIRST] = 1
    timestamp_rules(TOKENS, 2)(scores, [START, EN, *generated])
    return {int(number) for number in np.flatnonzero(np.isfinite(scores))}


TEXT = set(range(END))
ENDS = {END, START, EN, DE, TRANSLATE, TRANSCRIBE}
TIMES = set(range(FIRST, FIRST + 1501))


def test_the_first_token_is_an_early_timestamp() -> None:
    assert allowed([]) == set(range(FIRST, FIRST + 51))


def test_text_follows_the_first_timestamp() -> None:
    assert allowed([at(0.5)]) == TEXT | ENDS


def test_text_goes_on_or_a_later_timestamp_comes() -> None:
    assert allowed([at(0.5), 3]) == TEXT | ENDS | {time for time in TIMES if time > at(0.5)}


def test_a_second_timestamp_or_the_end_follows_a_timestamp_behind_text() -> None:
    assert allowed([at(0.5), 3, at(2)]) == ENDS | {time for time in TIMES if time >= at(2)}


def test_text_follows_a_pair() -> None:
    assert allowed([at(0.5), 3, at(2), at(2)]) == TEXT | ENDS


def test_timestamps_that_are_likelier_together_win() -> None:
    scores = np.zeros(FIRST + 1501, np.float32)
    scores[3] = 5  # e^5 is less than the 1500 of all timestamps
    assert allowed([at(0.0), 3], scores) == TIMES - {FIRST}
    scores = np.zeros(FIRST + 1501, np.float32)
    scores[3] = 8
    assert allowed([at(0.0), 3], scores) >= TEXT


def test_a_window_without_a_pair_is_one_segment() -> None:
    assert cut_window([at(1), 5, 6, at(3)], FIRST) == ([Cut((5, 6), 50, 150)], None)
    assert cut_window([at(1), 5, 6], FIRST) == ([Cut((5, 6), 50, None)], None)
    assert cut_window([5, 6], FIRST) == ([Cut((5, 6), 0, None)], None)
    assert cut_window([], FIRST) == ([], None)
    assert cut_window([at(0)], FIRST) == ([], None)


def test_a_window_is_read_again_from_its_last_pair() -> None:
    generated = [at(0), 5, at(1), at(1), 6, at(2), at(2.5), 7, 8]
    assert cut_window(generated, FIRST) == ([Cut((5,), 0, 50), Cut((6,), 50, 100)], 100)


def test_a_single_timestamp_at_the_end_says_that_nothing_follows() -> None:
    generated = [at(0), 5, at(1), at(1), 6, at(2)]
    assert cut_window(generated, FIRST) == ([Cut((5,), 0, 50), Cut((6,), 50, 100)], None)


def test_prompts() -> None:
    assert TOKENS.prompt("de", "translate", timestamps=True) == [START, DE, TRANSLATE]
    assert TOKENS.prompt("de", "transcribe", timestamps=False) == [START, DE, TRANSCRIBE, NO_TIMES]
    old = WhisperTokens(**{**vars(TOKENS), "languages": {}, "tasks": {}, "forced": {1: EN, 2: TRANSCRIBE, 3: NO_TIMES}})
    assert old.prompt(None, "transcribe", timestamps=True) == [START, EN, TRANSCRIBE]
    assert old.prompt(None, "transcribe", timestamps=False) == [START, EN, TRANSCRIBE, NO_TIMES]


def test_the_language_is_asked_for_or_set_or_forced_or_detected() -> None:
    assert TOKENS.known_language("DE") == "de"
    assert TOKENS.known_language(None) is None
    assert WhisperTokens(**{**vars(TOKENS), "forced": {1: DE}}).known_language(None) == "de"
    assert WhisperTokens(**{**vars(TOKENS), "forced": {1: None}}).known_language(None) is None
    assert WhisperTokens(**{**vars(TOKENS), "language": "en"}).known_language(None) == "en"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of a multilingual model whose tokens are letters."""
    tokenizer = Tokenizer(models.WordLevel({sign: n for n, sign in enumerate(LETTERS)}, unk_token=" "))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in SPECIAL])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    config = {"model_type": "whisper", "max_source_positions": 1500, "max_target_positions": 40}
    write(tmp_path, "config.json", config)
    settings = {
        "decoder_start_token_id": START,
        "eos_token_id": END,
        "no_timestamps_token_id": NO_TIMES,
        "is_multilingual": True,
        "lang_to_id": {"<|en|>": EN, "<|de|>": DE},
        "task_to_id": {"translate": TRANSLATE, "transcribe": TRANSCRIBE},
        "max_initial_timestamp_index": 50,
        "max_length": 30,
    }
    write(tmp_path, "generation_config.json", settings)
    extractor = {"feature_extractor_type": "WhisperFeatureExtractor", "feature_size": 80}
    write(tmp_path, "preprocessor_config.json", extractor)
    return tmp_path


def write(folder: Path, name: str, value: dict[str, Any]) -> None:
    (folder / name).write_text(json.dumps(value), "utf-8")


def change(folder: Path, name: str, **values: Any) -> None:
    old = json.loads((folder / name).read_text("utf-8"))
    write(folder, name, {key: value for key, value in (old | values).items() if value is not None})


def speaker(*windows: Sequence[int], language: int = DE) -> Any:
    """Says these tokens, a window after the other."""

    def say(tokens: Sequence[int], window: float) -> int:
        if len(tokens) == 1:
            return language
        said = len(tokens) - 3
        script = windows[(int(window) - 1) % len(windows)]
        return script[said] if said < len(script) else END

    return say


def load(folder: Path, say: Any, dtype: str = "float32") -> WhisperRecognition:
    sessions = {"encoder_model": FakeEncoder(dtype), "decoder_model_merged": FakeDecoder(say, dtype)}
    pipeline = PIPELINE(ModelFiles(folder, {}), sessions)
    assert isinstance(pipeline, WhisperRecognition)
    return pipeline


def sound(seconds: float) -> dict[str, Any]:
    samples = np.random.default_rng(5).normal(scale=0.1, size=int(seconds * RATE))
    return {"array": samples.astype(np.float32), "sampling_rate": RATE}


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_windows_follow_each_other(folder: Path, dtype: str) -> None:
    first = [at(0), *words("one"), at(9), at(10), *words(" two"), at(20), at(20), *words("lost")]
    second = [at(0.2), *words(" three"), at(28), at(28), *words("lost")]
    third = [at(0), *words(" four")]
    pipeline = load(folder, speaker(first, second, third), dtype)
    steps: list[tuple[Any, ...]] = []
    got = pipeline(sound(60), {}, Run(on_progress=lambda *step: steps.append(step)))
    assert got == Transcript(
        "one two three four",
        (
            Segment("one", 0.0, 9.0),
            Segment(" two", 10.0, 20.0),
            Segment(" three", 20.2, 48.0),
            Segment(" four", 48.0, None),
        ),
        "de",
    )
    assert steps == [("transcribe", done, 60.0, "s") for done in (20.0, 48.0, 60.0)]


def test_a_segment_without_an_end_lasts_as_long_as_its_window(folder: Path) -> None:
    pipeline = load(folder, speaker([at(0), *words("on")], [at(0), *words(" off"), at(5)]))
    got = pipeline(sound(40), {}, Run())
    assert isinstance(got, Transcript)
    assert got.segments == (Segment("on", 0.0, 30.0), Segment(" off", 30.0, 35.0))


def test_nothing_is_written_down_where_nothing_can_be_heard(folder: Path) -> None:
    heard = sound(90)
    heard["array"][: 61 * RATE] *= 1e-7  # 140 dB below the rest, of which 80 are told apart
    said = speaker([at(0), *words("one"), at(2)])
    got = load(folder, said)(heard, {"language": "en"}, Run())
    assert got == Transcript("one", (Segment("one", 60.0, 62.0),), "en")
    silent = {"array": np.zeros(RATE, np.float32), "sampling_rate": RATE}
    assert load(folder, said)(silent, {}, Run()).text == ""
    # The first try alone is what the reference says.
    assert load(folder, said)(silent, {"fallback": False}, Run()).text == "one"


def test_without_timestamps_there_are_no_segments(folder: Path) -> None:
    pipeline = load(folder, lambda tokens, window: [0, 1, END][max(0, len(tokens) - 4)])
    got = pipeline(sound(3), {"return_timestamps": False, "language": "en"}, Run())
    assert got == Transcript("ab", (), "en")


def test_the_transcript_grows(folder: Path) -> None:
    seen: list[Any] = []
    pipeline = load(folder, speaker([at(0), *words("a long sentence"), at(3)]))
    got = pipeline(sound(3), {}, Run(on_partial=seen.append))
    assert [item.text for item in seen] == ["a long ", "a long sentence", "a long sentence"]
    assert seen[-1] == got


def test_the_decoder_begins_as_asked(folder: Path) -> None:
    pipeline = load(folder, speaker([at(0), at(0)]))
    decoder = pipeline.sessions["decoder_model_merged"]
    assert isinstance(decoder, FakeDecoder)
    pipeline(sound(1), {"language": "DE", "task": "translate"}, Run())
    assert decoder.calls[0] == ([START, DE, TRANSLATE], False)
    pipeline(sound(1), {}, Run())
    assert ([START], False) in decoder.calls


def test_a_cancelled_run_says_no_further_token(folder: Path) -> None:
    run = Run()

    def say(tokens: Sequence[int], window: float) -> int:
        if len(tokens) == 6:
            run.cancellation.cancel()
        return DE if len(tokens) == 1 else at(0) if len(tokens) == 3 else 1

    pipeline = load(folder, say)
    with pytest.raises(Cancelled):
        pipeline(sound(60), {}, run)
    decoder = pipeline.sessions["decoder_model_merged"]
    assert isinstance(decoder, FakeDecoder)
    assert len(decoder.calls) == 1 + 4


def test_a_window_that_never_ends_stops_at_the_length(folder: Path) -> None:
    pipeline = load(folder, lambda tokens, window: DE if len(tokens) == 1 else at(0) if len(tokens) == 3 else 1)
    got = pipeline(sound(2), {}, Run())
    assert isinstance(got, Transcript)
    assert got.text == "b" * (30 - 4)


def test_languages_and_tasks_that_are_not_there(folder: Path) -> None:
    pipeline = load(folder, speaker([]))
    with pytest.raises(UsageError, match="one of de, en"):
        pipeline(sound(1), {"language": "fr"}, Run())
    change(folder, "generation_config.json", task_to_id=None)
    with pytest.raises(UsageError, match="names no tasks"):
        load(folder, speaker([]))(sound(1), {"task": "translate"}, Run())
    change(folder, "generation_config.json", is_multilingual=False, lang_to_id=None)
    with pytest.raises(UsageError, match="English only"):
        load(folder, speaker([]))(sound(1), {"language": "en"}, Run())


def test_no_sound(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        load(folder, speaker([]))(tmp_path / "none.wav", {}, Run())
    assert caught.value.code == "sound-missing"


@pytest.mark.parametrize(
    ("file", "values", "code"),
    [
        ("config.json", {"model_type": "parakeet"}, "asr-unknown-model"),
        ("config.json", {"max_source_positions": 1400}, "model-files-disagree"),
        ("preprocessor_config.json", {"feature_size": 128}, "model-files-disagree"),
        ("preprocessor_config.json", {"chunk_length": 20}, "model-files-disagree"),
        ("preprocessor_config.json", {"hop_length": 1}, "model-files-disagree"),
        ("preprocessor_config.json", {"chunk_length": 10**9}, "model-bad-setting"),
        ("preprocessor_config.json", {"sampling_rate": 2**62}, "model-bad-setting"),
        ("preprocessor_config.json", {"n_fft": 1 << 20}, "model-bad-setting"),
        ("preprocessor_config.json", {"feature_size": True}, "model-bad-setting"),
        ("preprocessor_config.json", {"hop_length": 1 << 16, "sampling_rate": 1000}, "model-bad-setting"),
        ("config.json", {"max_source_positions": "x"}, "model-bad-setting"),
        ("config.json", {"max_source_positions": -1}, "model-bad-setting"),
        ("config.json", {"max_target_positions": 0}, "model-bad-setting"),
        *(
            ("generation_config.json", {name: wrong}, "model-bad-setting")
            for name, values in {
                "decoder_start_token_id": ("x", -1, 1.5, True, [], 10**30),
                "eos_token_id": ("x", [None], -1, {}),
                "no_timestamps_token_id": ("x", 0, NO_TIMES + 1, []),
                "lang_to_id": ("x", ["<|en|>"], {"<|en|>": "x"}, {"<|en|>": None}),
                "task_to_id": (1, {"transcribe": []}),
                "is_multilingual": ("x", 1, []),
                "max_length": ("x", -1, 1.5),
                "suppress_tokens": ("x", [-1], [[1]], {"a": 1}),
                "begin_suppress_tokens": ([None],),
                "forced_decoder_ids": ("x", [1], [[1]], [[1, "x"]], [[None, 1]], {"1": 2}),
                "language": (1, []),
                "max_initial_timestamp_index": ("x", -1),
                "repetition_penalty": ("x", -1, float("nan"), []),
                "no_repeat_ngram_size": (-1, 1.5),
            }.items()
            for wrong in values
        ),
        ("generation_config.json", {"eos_token_id": None}, "model-setting-missing"),
        ("generation_config.json", {"eos_token_id": []}, "model-setting-missing"),
        ("config.json", {"max_target_positions": None}, "model-setting-missing"),
    ],
)
def test_files_that_do_not_fit(folder: Path, file: str, values: dict[str, Any], code: str) -> None:
    change(folder, file, **values)
    with pytest.raises(ModelError) as caught:
        load(folder, speaker([]))
    assert caught.value.code == code


def test_the_id_of_a_token_can_come_from_the_tokenizer(folder: Path) -> None:
    change(folder, "generation_config.json", no_timestamps_token_id=None)
    got = load(folder, speaker([at(0), *words("yes"), at(1)]))(sound(1), {}, Run())
    assert got == Transcript("yes", (Segment("yes", 0.0, 1.0),), "de")


def test_no_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError) as caught:
        load(folder, speaker([]))
    assert caught.value.code == "tokenizer-missing"
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    with pytest.raises(ModelError) as caught:
        load(folder, speaker([]))
    assert caught.value.code == "model-bad-file"


@pytest.mark.parametrize("wrong", [-1, True, "WhisperForCTC", {"a": 1}])
def test_architectures_that_are_no_list_say_nothing(folder: Path, wrong: Any) -> None:
    change(folder, "config.json", architectures=wrong)
    assert isinstance(load(folder, speaker([])), WhisperRecognition)


@pytest.mark.parametrize(
    ("name", "token"), [("eos_token_id", "<|endoftext|>"), ("decoder_start_token_id", "<|startoftranscript|>")]
)
def test_ids_that_are_not_the_tokenizers(folder: Path, name: str, token: str) -> None:
    tokenizer = json.loads((folder / "tokenizer.json").read_text("utf-8"))
    for entry in tokenizer["added_tokens"]:
        entry["content"] = {"<|end|>": "<|endoftext|>", "<|start|>": "<|startoftranscript|>"}.get(
            entry["content"], entry["content"]
        )
    write(folder, "tokenizer.json", tokenizer)
    load(folder, speaker([]))
    change(folder, "generation_config.json", **{name: 3})
    with pytest.raises(ModelError) as caught:
        load(folder, speaker([]))
    assert (caught.value.code, caught.value.arguments["name"]) == ("model-bad-setting", name)
