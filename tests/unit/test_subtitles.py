"""Transcripts as files: what players insist on, and what transcripts may hold."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from workbench.errors import UsageError
from workbench.results import Segment, Transcript
from workbench.saving.subtitles import cues, json_text, srt, txt, vtt

TWO = Transcript(
    " It was the best of times, it was the worst of times.",
    (Segment(" It was the best of times,", 0.0, 2.0), Segment(" it was the worst of times.", 2.5, 4.25)),
    "en",
)


def test_srt_has_numbers_commas_and_an_empty_line_between() -> None:
    assert srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:02,000\nIt was the best of times,\n\n"
        "2\n00:00:02,500 --> 00:00:04,250\nit was the worst of times.\n"
    )


def test_vtt_has_its_first_line_and_points() -> None:
    assert vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.000\nIt was the best of times,\n\n"
        "00:00:02.500 --> 00:00:04.250\nit was the worst of times.\n"
    )


def test_text_is_a_line_a_segment() -> None:
    assert txt(TWO) == "It was the best of times,\nit was the worst of times.\n"
    assert txt(Transcript("  all of it ", ())) == "all of it\n"
    assert txt(Transcript("two words", (Segment("two", 0, 1), Segment("words", 1, 2)), unit="word")) == "two words\n"


def test_json_is_the_schema_of_the_hub() -> None:
    assert json.loads(json_text(TWO)) == TWO.to_json()
    assert "你好" in json_text(Transcript("你好", ()))


def test_an_end_that_is_missing_is_guessed_by_the_text_and_stops_at_the_next_start() -> None:
    some = (Segment("short", 1.0, None), Segment("the last one, which is somewhat longer than that", 1.5, None))
    made = cues(Transcript("", some))
    assert [(cue.start_ms, cue.end_ms) for cue in made] == [(1000, 1500), (1500, 1500 + 48 * 1000 // 15)]
    (alone,) = cues(Transcript("", (Segment("x" * 1000, 0.0, None),)))
    assert alone.end_ms == 7000


@pytest.mark.parametrize("end_s", [3.0, 2.0])
def test_an_end_that_is_not_behind_its_start_is_guessed(end_s: float) -> None:
    (cue,) = cues(Transcript("a", (Segment("a", 3.0, end_s),)))
    assert (cue.start_ms, cue.end_ms) == (3000, 4000)


def test_cues_never_overlap_and_always_last() -> None:
    mixed = (
        Segment("c", 5.0, 9.0),
        Segment("a", 0.0, 6.0),
        Segment("b", 0.0002, 3.0),
        Segment("", 1.0, 2.0),
        Segment("d", 5.001, 5.001),
        Segment("e", -1.0, 0.5),
    )
    made = cues(Transcript("", mixed))
    assert [cue.text for cue in made] == ["e a b", "c", "d"]
    assert all(cue.end_ms > cue.start_ms for cue in made)
    assert all(one.end_ms <= other.start_ms for one, other in pairwise(made))


def test_hours_are_counted_on() -> None:
    late = Transcript("", (Segment("late", 3600 * 123 + 61.0015, 3600 * 123 + 62),))
    assert "123:01:01,002 --> 123:01:02,000" in srt(late)


def test_text_cannot_break_a_cue() -> None:
    nasty = Transcript("", (Segment("one\n\ntwo --> <b>&", 0.0, 1.0),))
    assert srt(nasty).splitlines()[2:] == ["one two --> <b>&"]
    assert vtt(nasty).splitlines()[3:] == ["one two --&gt; &lt;b&gt;&amp;"]


def test_words_are_gathered_into_lines() -> None:
    words = [Segment(f"word{n}", n * 0.5, n * 0.5 + 0.4) for n in range(40)]
    words += [Segment("after", 40.0, 40.5), Segment("silence", 40.6, 41.0)]
    made = cues(Transcript("", tuple(words), unit="word"))
    assert made[-1].text == "after silence"
    assert (made[-1].start_ms, made[-1].end_ms) == (40_000, 41_000)
    assert all(len(cue.text) <= 84 and cue.end_ms - cue.start_ms <= 7000 for cue in made)
    assert " ".join(cue.text for cue in made).split() == [word.text for word in words]


def test_characters_are_gathered_at_spaces() -> None:
    text = "so it goes " * 20
    characters = tuple(Segment(sign, n * 0.1, n * 0.1 + 0.1) for n, sign in enumerate(text))
    made = cues(Transcript(text, characters, unit="char"))
    assert len(made) > 2
    assert " ".join(cue.text for cue in made) == text.strip()


def test_silence_is_an_empty_file_and_text_without_times_an_error() -> None:
    assert srt(Transcript("", ())) == ""
    assert vtt(Transcript(" ", ())) == "WEBVTT\n"
    assert txt(Transcript("", ())) == ""
    with pytest.raises(UsageError, match="no times") as caught:
        srt(Transcript("words", ()))
    assert caught.value.code == "transcript-without-times"
