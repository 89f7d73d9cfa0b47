"""The library on a cache of real models."""

from __future__ import annotations

from pathlib import Path

import pytest

from workbench.library.model import Model, Roots
from workbench.library.scanner import find_repo, scan

pytestmark = pytest.mark.real_model

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
WHISPER = "openai/whisper-tiny.en"


@pytest.fixture(scope="module")
def models(real_hub: Path) -> dict[str, Model]:
    return {model.id: model for model in scan(Roots(hub_caches=(real_hub,))).models}


def test_all_of_them_are_whole(models: dict[str, Model]) -> None:
    assert {MINILM, WHISPER} <= set(models)
    assert [model.reason for model in models.values() if model.state != "ready"] == []


@pytest.mark.parametrize(
    ("repo_id", "task", "architecture", "parameters", "licence"),
    [
        (MINILM, "sentence-similarity", "BertModel", 22_713_728, "apache-2.0"),
        (WHISPER, "automatic-speech-recognition", "WhisperForConditionalGeneration", 37_760_256, None),
    ],
)
def test_what_is_known_of_one(
    models: dict[str, Model], repo_id: str, task: str, architecture: str, parameters: int, licence: str | None
) -> None:
    model = models[repo_id]
    assert model.task == task
    revision = model.revision
    assert revision
    assert revision.contents.architectures == (architecture,)
    assert revision.contents.parameter_count == parameters
    if licence:
        assert revision.contents.licence == licence
    assert revision.export.answer == "yes"
    assert task in revision.export.tasks
    assert revision.run.reason
    assert revision.run.reason.code == "run-needs-export"


def test_one_alone_is_the_same_as_in_the_listing(real_hub: Path, models: dict[str, Model]) -> None:
    found = find_repo(Roots(hub_caches=(real_hub,)), MINILM)
    assert found
    assert found.revisions[0].contents == models[MINILM].revisions[0].contents
    assert found.size_bytes == models[MINILM].size_bytes
