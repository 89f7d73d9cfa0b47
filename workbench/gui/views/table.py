"""Which view shows which result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from workbench.gui.views.answers import AnswersView
from workbench.gui.views.audio import AudioView
from workbench.gui.views.base import View
from workbench.gui.views.boxes import BoxesView
from workbench.gui.views.depth import DepthView
from workbench.gui.views.embedding import EmbeddingView
from workbench.gui.views.fills import FillsView
from workbench.gui.views.labels import LabelsView
from workbench.gui.views.made_picture import MadePictureView
from workbench.gui.views.masks import MasksView
from workbench.gui.views.ranking import RankingView
from workbench.gui.views.similarity import SimilarityView
from workbench.gui.views.spans import SpansView
from workbench.gui.views.text import TextView
from workbench.gui.views.transcript import TranscriptView
from workbench.results import (
    Answers,
    Audio,
    Boxes,
    Depth,
    Embedding,
    Fills,
    Labels,
    MadePicture,
    Masks,
    Ranking,
    Result,
    Similarity,
    Spans,
    Text,
    Transcript,
)

__all__ = ["VIEWS", "view_for"]

VIEWS: Mapping[type[Any], Callable[[], View]] = MappingProxyType(
    {
        Answers: AnswersView,
        Audio: AudioView,
        Boxes: BoxesView,
        Depth: DepthView,
        Embedding: EmbeddingView,
        Fills: FillsView,
        Labels: LabelsView,
        MadePicture: MadePictureView,
        Masks: MasksView,
        Ranking: RankingView,
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
