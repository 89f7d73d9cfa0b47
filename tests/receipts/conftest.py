"""A workbench with a tiny export, and measurements that take no time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.receipts.tiny_export import tiny_export
from workbench.api import Workbench
from workbench.library.artifacts import Artifact
from workbench.receipts import measuring
from workbench.settings import Settings


@pytest.fixture
def workbench() -> Iterator[Workbench]:
    with Workbench() as opened:
        yield opened


@pytest.fixture
def export() -> Artifact:
    """In the folder where this test's workbench looks for exports."""
    return tiny_export(Settings.load().artifacts_folder)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "TIMING_S", 0.02)
    # A test of its own measures threads.
    monkeypatch.setattr(measuring, "_know_threads", lambda *words: None)
