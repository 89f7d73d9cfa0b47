"""What the tasks that look at one picture share: the picture as the graph takes it, and the sizes that answers need.

Pictures of one size go through a graph together where that changes no answer. A graph is tried once, the first pictures
each alone and all together: dynamic int8 takes one scale for all that goes through, a detector may order its queries
anew. Where the answers differ by more than rounding, each picture goes alone ever after.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from workbench.batching import BatchLimits, Share
from workbench.errors import EngineError, InputError, ModelError
from workbench.runtime.image_processing import ImageProcessor
from workbench.runtime.rounding import same_but_for_rounding
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike

__all__ = ["ImageTask", "Seen"]

PIXELS, MASK = "pixel_values", "pixel_mask"
# So many pictures and pixels at once: eight of the usual 224×224. More is no faster on a processor, and takes memory.
IMAGE_LIMITS = BatchLimits(items=8, size=8 * 224 * 224)


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
        self._together: bool | None = None  # whether pictures may go together, once that was tried
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

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """The outputs of the graph that are needed, each of shape [1, …] for a picture. A task whose graph takes more
        than a picture names none and overrides :meth:`forward`; its inputs go alone."""
        return ()

    def forward(self, prepared: Any, params: Mapping[str, Any], run: Run) -> Outputs:
        """The outputs of :meth:`wanted`."""
        return self._session.run(prepared.feeds, run, self.wanted(params))

    @property
    def batch_limits(self) -> BatchLimits | None:
        shape = self._session.input_shapes.get(PIXELS)
        fixed = shape is not None and isinstance(shape[0], int)
        return None if fixed or self._together is False or not self.wanted({}) else IMAGE_LIMITS

    def batch_share(self, prepared: Any, params: Mapping[str, Any]) -> Share:
        shape = prepared.feeds[PIXELS].shape
        return Share(int(shape[2] * shape[3]), shape)

    def forward_batch(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        if self._together:
            return self._rows(prepared, params, run)
        alone = super().forward_batch(prepared, params, run)
        if self._together is None:
            self._together = self._same_beside_others(prepared, alone, params, run)
        return alone

    def _same_beside_others(
        self, prepared: Sequence[Any], alone: Sequence[Outputs], params: Mapping[str, Any], run: Run
    ) -> bool:
        try:
            together = self._rows(prepared, params, run)
        except EngineError:  # many graphs were traced for one picture, whatever they say of their inputs
            return False
        return all(same_but_for_rounding(a[name], b[name]) for a, b in zip(alone, together, strict=True) for name in a)

    def _rows(self, prepared: Sequence[Any], params: Mapping[str, Any], run: Run) -> list[Outputs]:
        feeds = {name: np.concatenate([item.feeds[name] for item in prepared]) for name in prepared[0].feeds}
        values = self._session.run(feeds, run, self.wanted(params))
        return [{name: value[n : n + 1] for name, value in values.items()} for n in range(len(prepared))]

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
