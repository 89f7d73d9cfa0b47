"""What the tasks that look at one picture share: the picture as the graph takes it, and the sizes that answers need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.errors import InputError, ModelError
from workbench.runtime.image_processing import ImageProcessor
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike

__all__ = ["ImageTask", "Seen"]

PIXELS, MASK = "pixel_values", "pixel_mask"


@dataclass(frozen=True)
class Seen:
    """A picture as a graph takes it, ``pixel_values`` [1, 3, height, width] among ``feeds``, and the size of the
    upright picture in the file."""

    feeds: dict[str, Array]
    width_px: int
    height_px: int


class ImageTask(Pipeline):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike], graph: str = "model") -> None:
        """Raises ModelError: settings of the image processor that are not supported, a graph that takes no picture."""
        super().__init__(files, sessions)
        self._session = sessions[graph]
        self.processor = ImageProcessor(files)
        if PIXELS not in self._session.input_names:
            names = ", ".join(self._session.input_names)
            raise ModelError("model-unknown-input", name=names, known=PIXELS)

    def only_takes(self, *names: str) -> None:
        """Raises ModelError for a graph that asks for more than a picture and these."""
        known = (PIXELS, MASK, *names)
        for name in self._session.input_names:
            if name not in known:
                raise ModelError("model-unknown-input", name=name, known=", ".join(known))

    def output(self, *names: str) -> str:
        """The first of these outputs that the graph has. Raises ModelError."""
        for name in names:
            if name in self._session.output_names:
                return name
        got = ", ".join(self._session.output_names)
        raise ModelError("graph-no-output", wanted=" / ".join(names), got=got)

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Any:
        """A :class:`Seen`. Raises InputError."""
        if not isinstance(item, (str, Path)):
            raise InputError("image-bad-input", got=type(item).__name__)
        picture = self.processor.load(item, run)
        run.cancellation.check()
        pixels = self.processor(picture, item)
        feeds = {PIXELS: pixels.astype(self._session.input_dtypes[PIXELS], copy=False)}
        if MASK in self._session.input_names:
            feeds[MASK] = self._mask(pixels, self.processor.shown(picture))
        return Seen(feeds, picture.width_px, picture.height_px)

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        """All outputs of the graph; a task that reads some of them overrides this."""
        return self._session.run(prepared.feeds, run)

    def _mask(self, pixels: Array, shown: tuple[int, int]) -> Array:
        """1 where ``pixel_values`` are picture and 0 where they are padding, [1, height, width].

        The model scales it to the size of its features, so a graph with a size of its own for it gets it in that.
        """
        height, width = pixels.shape[2:]
        sizes = self._session.input_shapes[MASK][1:]
        rows, columns = (
            size if isinstance(size, int) else full for size, full in zip(sizes, (height, width), strict=True)
        )
        inside = [
            np.arange(count) * full < part * count
            for count, full, part in zip((rows, columns), (height, width), shown, strict=True)
        ]
        return np.asarray(np.outer(*inside).astype(self._session.input_dtypes[MASK])[None])
