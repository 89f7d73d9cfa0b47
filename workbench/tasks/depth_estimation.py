"""How far each part of a picture is. The reference is ``predicted_depth`` of transformers'
``pipeline("depth-estimation")``: the model's map at the size of the picture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workbench.errors import ModelError
from workbench.results import Depth
from workbench.runtime.enlarging import bicubic
from workbench.tasks.base import ModelFiles, Outputs, Run, SessionLike
from workbench.tasks.image_task import ImageTask, Seen
from workbench.tasks.scores import finite

__all__ = ["PIPELINE", "DepthEstimation"]

# Values of ``model_type`` whose depth is in metres; Depth Anything tells it in its config. Others are trained for a
# disparity, larger where it is nearer, without a unit.
METRIC = frozenset({"depth_pro", "glpn", "zoedepth"})


class DepthEstimation(ImageTask):
    """An input is the path of a picture."""

    def __init__(self, files: ModelFiles, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError: settings that are not supported, a graph that estimates no depth."""
        super().__init__(files, sessions)
        self.only_takes()
        self._output = self.output("predicted_depth")
        metric = files.config.get("model_type") in METRIC or files.config.get("depth_estimation_type") == "metric"
        self._unit = "m" if metric else "relative"

    def wanted(self, params: Mapping[str, Any]) -> tuple[str, ...]:
        """``predicted_depth`` float [1, rows, columns]."""
        return (self._output,)

    def postprocess(self, outputs: Outputs, prepared: Seen, params: Mapping[str, Any], run: Run) -> Depth:
        values = finite(outputs[self._output])
        plane = values.reshape(values.shape[-2:]) if values.size == values.shape[-1] * values.shape[-2] else None
        if plane is None:
            raise ModelError("graph-no-output", wanted=f"{self._output} of one map", got=str(list(values.shape)))
        return Depth(bicubic(plane, prepared.height_px, prepared.width_px), self._unit)


PIPELINE = DepthEstimation
