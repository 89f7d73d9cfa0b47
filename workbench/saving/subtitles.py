"""Transcripts as files: subtitles (SRT, WebVTT), plain text, JSON. Pure functions on plain data, for every front.

Cues never overlap and always last: an end that is missing, or not behind its start, is guessed by the length of the
text, and any end stops where the next cue begins. Single words or characters are gathered into lines that can be read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from workbench.errors import UsageError
from workbench.results import Segment, Transcript

__all__ = ["Cue", "cues", "json_text", "srt", "txt", "vtt"]

# How a cue is guessed, and how words are gathered: what makers of subtitles keep to (two lines of 42 characters, seven
# seconds at most, some 15 characters a second).
CHARACTERS_PER_S = 15
MIN_CUE_MS = 1_000
MAX_CUE_MS = 7_000
MAX_CUE_CHARACTERS = 84
# Silence from which on a word begins a line of its own.
PAUSE_MS = 1_000


@dataclass(frozen=True)
class Cue:
    """A line of text with its time in whole milliseconds, ``end_ms`` exclusive and greater than ``start_ms``."""

    text: str
    start_ms: int
    end_ms: int


def cues(transcript: Transcript) -> tuple[Cue, ...]:
    """The lines of a transcript in the order of time, without overlaps.

    Segments without text are left out; those that begin in the same millisecond become one cue. Raises UsageError for
    a transcript with text but no times.
    """
    if not transcript.segments and transcript.text.strip():
        raise UsageError("transcript-without-times")
    drafts = _merged(_drafts(transcript))
    made = []
    for draft, following in zip(drafts, [*drafts[1:], None], strict=False):
        end_ms = draft.end_ms
        if end_ms is None or end_ms <= draft.start_ms:
            end_ms = draft.start_ms + max(MIN_CUE_MS, min(MAX_CUE_MS, len(draft.text) * 1000 // CHARACTERS_PER_S))
        if following:
            end_ms = min(end_ms, following.start_ms)
        made.append(Cue(draft.text, draft.start_ms, end_ms))
    return tuple(made)


def srt(transcript: Transcript) -> str:
    """A SubRip file (``.srt``). Raises UsageError for a transcript without times."""
    blocks = [
        f"{number}\n{_time(cue.start_ms, ',')} --> {_time(cue.end_ms, ',')}\n{cue.text}\n"
        for number, cue in enumerate(cues(transcript), 1)
    ]
    return "\n".join(blocks)


def vtt(transcript: Transcript) -> str:
    """A WebVTT file (``.vtt``). Raises UsageError for a transcript without times."""
    blocks = [
        f"{_time(cue.start_ms, '.')} --> {_time(cue.end_ms, '.')}\n{_escaped(cue.text)}\n" for cue in cues(transcript)
    ]
    return "\n".join(["WEBVTT\n", *blocks])


def txt(transcript: Transcript) -> str:
    """The text alone, one segment a line where it was cut into segments."""
    if transcript.unit == "segment" and transcript.segments:
        lines = [_one_line(item.text) for item in transcript.segments]
    else:
        lines = [transcript.text.strip()]
    return "".join(f"{line}\n" for line in lines if line)


def json_text(transcript: Transcript) -> str:
    """The transcript in the shape of the hub's schema, as JSON."""
    return json.dumps(transcript.to_json(), ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True)
class _Draft:
    text: str
    start_ms: int
    end_ms: int | None


def _drafts(transcript: Transcript) -> list[_Draft]:
    """Lines by their starts, as they were said to be."""
    ordered = sorted(transcript.segments, key=lambda item: item.start_s)
    if transcript.unit == "segment":
        drafts = [_draft([item], "") for item in ordered]
    else:
        joint = " " if transcript.unit == "word" else ""
        drafts = [_draft(group, joint) for group in _gathered(ordered, joint)]
    return [draft for draft in drafts if draft.text]


def _gathered(ordered: Sequence[Segment], joint: str) -> Iterator[list[Segment]]:
    """Words, or characters up to the spaces between words, in groups that make a line."""
    words = [[item] for item in ordered] if joint else list(_words(ordered))
    group: list[Segment] = []
    for word in words:
        if group:
            whole = _draft([*group, *word], joint)
            end_s = group[-1].end_s
            pause_ms = 0 if end_s is None else _ms(word[0].start_s) - _ms(end_s)
            lasting_ms = (_ms(word[-1].start_s) if whole.end_ms is None else whole.end_ms) - whole.start_ms
            if pause_ms >= PAUSE_MS or len(whole.text) > MAX_CUE_CHARACTERS or lasting_ms > MAX_CUE_MS:
                yield group
                group = []
        group += word
    if group:
        yield group


def _words(characters: Sequence[Segment]) -> Iterator[list[Segment]]:
    word: list[Segment] = []
    for item in characters:
        word.append(item)
        if not item.text.strip():
            yield word
            word = []
    if word:
        yield word


def _draft(group: Sequence[Segment], joint: str) -> _Draft:
    text = joint.join(item.text.strip() if joint else item.text for item in group)
    end_s = group[-1].end_s
    return _Draft(_one_line(text), _ms(group[0].start_s), None if end_s is None else _ms(end_s))


def _merged(drafts: Sequence[_Draft]) -> list[_Draft]:
    """The drafts, those of the same start as one: a cue between them could not last."""
    made: list[_Draft] = []
    for draft in drafts:
        if made and made[-1].start_ms == draft.start_ms:
            ends = [item.end_ms for item in (made[-1], draft) if item.end_ms is not None]
            made[-1] = _Draft(f"{made[-1].text} {draft.text}", draft.start_ms, max(ends, default=None))
        else:
            made.append(draft)
    return made


def _one_line(text: str) -> str:
    """Without line breaks: an empty line would end a cue."""
    return " ".join(text.split())


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _ms(seconds: float) -> int:
    return max(0, round(seconds * 1000))


def _time(ms: int, separator: str) -> str:
    """``hh:mm:ss,mmm``; hours may have more digits."""
    seconds, ms = divmod(ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{separator}{ms:03}"
