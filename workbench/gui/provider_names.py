"""The names of execution providers as their makers write them."""

from __future__ import annotations

__all__ = ["PROVIDER_NAMES", "provider_name"]

PROVIDER_NAMES = {"cpu": "CPU", "cuda": "CUDA", "dml": "DirectML"}


def provider_name(name: str) -> str:
    """For a short name of ours; another is shown as it is."""
    return PROVIDER_NAMES.get(name, name)
