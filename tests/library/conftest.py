"""A hub cache of each test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.library.building import Hub
from workbench.library.model import Model, Roots
from workbench.library.scanner import scan


@pytest.fixture
def hub(tmp_path: Path) -> Hub:
    return Hub(tmp_path / "hub")


@pytest.fixture
def only_model(hub: Hub) -> Callable[[], Model]:
    """Lists the cache, in which there is one model."""

    def listed() -> Model:
        (model,) = scan(Roots(hub_caches=(hub.root,))).models
        return model

    return listed
