"""An engine of its own for each test that wants one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.tiny import tiny_model
from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice


@pytest.fixture
def host() -> Iterator[EngineHost]:
    host = EngineHost()
    try:
        yield host
    finally:
        host.close()


@pytest.fixture
def tiny(tmp_path: Path) -> ModelChoice:
    return tiny_model(tmp_path / "tiny")


@pytest.fixture
def make_tiny(tmp_path: Path) -> Callable[..., ModelChoice]:
    """Makes further models: (name, padding_bytes)."""

    def make(name: str, padding_bytes: int = 0) -> ModelChoice:
        return tiny_model(tmp_path / name, padding_bytes=padding_bytes)

    return make
