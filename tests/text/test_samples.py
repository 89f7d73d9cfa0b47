"""The inputs that come with the app fit their tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.text.models import session, write_files
from workbench.tasks.base import Run
from workbench.tasks.catalog import TASKS
from workbench.tasks.feature_extraction import FeatureExtraction
from workbench.tasks.samples import samples
from workbench.tasks.text_inputs import text_of, texts_of_pair

# What tasks get that have a list of other media than texts, or of long texts.
LEAST = {
    "image-classification": 4,
    "object-detection": 4,
    "zero-shot-object-detection": 4,
    "image-segmentation": 4,
    "depth-estimation": 4,
    "zero-shot-image-classification": 4,
    "image-feature-extraction": 4,
    "image-to-text": 4,
    "image-to-image": 4,
    "document-question-answering": 6,
    "automatic-speech-recognition": 2,
    "audio-classification": 4,
    "text-generation": 4,
    "text2text-generation": 4,
    "summarization": 3,
    "translation": 6,
    "text-to-speech": 4,
}


@pytest.mark.parametrize("task", TASKS)
def test_every_task_has_samples_and_no_two_are_the_same(task: str) -> None:
    found = samples(task)
    assert len(found) >= LEAST.get(task, 12)
    assert len({str(item) for item in found}) == len(found)


@pytest.mark.parametrize("task", ["image-classification", "automatic-speech-recognition", "audio-classification"])
def test_samples_of_media_are_files(task: str) -> None:
    for item in samples(task):
        assert Path(item).is_absolute()
        assert Path(item).stat().st_size > 1000


@pytest.mark.parametrize(
    "task", ["feature-extraction", "sentence-similarity", "token-classification", "text-generation"]
)
def test_samples_of_text_are_texts(task: str) -> None:
    assert all(text_of(item) for item in samples(task))


def test_texts_to_classify_are_bare_and_in_pairs() -> None:
    pairs = [texts_of_pair(item)[1] for item in samples("text-classification")]
    assert None in pairs
    assert any(pairs)


def test_samples_are_in_many_languages_and_lengths(tmp_path: Path) -> None:
    texts = samples("feature-extraction")
    assert sum(not text.isascii() for text in texts) >= 6
    assert min(map(len, texts)) < 10
    assert max(map(len, texts)) > 300
    pipeline = FeatureExtraction(write_files(tmp_path), session(tmp_path))
    for text in texts:
        assert len(pipeline(text, {}, Run()).vectors) > 2
