"""Which view shows which result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from workbench.gui.views.base import View
from workbench.gui.views.embedding import EmbeddingView
from workbench.gui.views.labels import LabelsView
from workbench.gui.views.similarity import SimilarityView
from workbench.gui.views.spans import SpansView
from workbench.gui.views.text import TextView
from workbench.gui.views.transcript import TranscriptView
from workbench.results import Embedding, Labels, Result, Similarity, Spans, Text, Transcript

__all__ = ["VIEWS", "view_for"]

VIEWS: Mapping[type[Any], Callable[[], View]] = MappingProxyType(
    {
        Embedding: EmbeddingView,
        Labels: LabelsView,
        Similarity: SimilarityView,
        Spans: SpansView,
        Text: TextView,
        Transcript: TranscriptView,
    }
)


def view_for(result: Result) -> Callable[[], View]:
    """What makes the view for a result, by its type or the nearest it is derived from. Raises LookupError."""
    for cls in type(result).__mro__:
        if cls in VIEWS:
            return VIEWS[cls]
    raise LookupError(f"no view shows a {type(result).__name__}")
