"""Fixtures for everything below."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ["ORT_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"


@pytest.fixture(scope="session")
def toolchain_python() -> Path:
    """The Python of an export toolchain (torch, transformers, optimum)."""
    return Path(os.environ["WORKBENCH_TOOLCHAIN_PYTHON"])


@pytest.fixture(scope="session")
def real_hub() -> Path:
    """A hub cache with the real models."""
    return Path(os.environ["WORKBENCH_TEST_HUB"])
