"""The names of execution providers as their makers write them."""

from __future__ import annotations

from workbench.providers import PROVIDERS

__all__ = ["PROVIDER_NAMES", "provider_name", "provider_names"]

PROVIDER_NAMES = {name: provider.title for name, provider in PROVIDERS.items()}


def provider_name(name: str) -> str:
    """For a short name of ours; another is shown as it is."""
    return PROVIDER_NAMES.get(name, name)


def provider_names(value: object) -> object:
    """For short names with commas between them; anything else is given back as it is."""
    parts = str(value).split(", ")
    return ", ".join(map(provider_name, parts)) if all(part in PROVIDER_NAMES for part in parts) else value
