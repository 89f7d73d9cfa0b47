"""Which values the tensors of a graph take on samples, for quantization that fixes its scales beforehand.

The samples are prepared as for torch's answers, by the very same code, which is given a stand-in for the model that
keeps what it is asked. They go through the graph one after the other, and of each only the smallest and largest value
or a histogram stays: memory is that of one sample, however many there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import ModelProto
from onnx.shape_inference import infer_shapes
from onnxruntime.quantization.calibrate import CalibrationMethod, TensorsData, create_calibrator

from exporters import graphs
from exporters.failure import ExportFailure
from exporters.protocol import ExportRequest

if TYPE_CHECKING:
    from onnxruntime.quantization import CalibrationDataReader

__all__ = ["METHODS", "Feeds", "bounds", "observed", "recorded_feeds"]

Feeds = dict[str, "np.ndarray[Any, Any]"]
METHODS: dict[str, CalibrationMethod] = {
    "minmax": CalibrationMethod.MinMax,
    "entropy": CalibrationMethod.Entropy,
    "percentile": CalibrationMethod.Percentile,
}


class _Asked(Exception):
    """Ends an answerer as soon as it has asked the model."""


class _Recorder:
    """Stands where an answerer expects a torch model: keeps the inputs of the first call of each sample."""

    def __init__(self, config: Any) -> None:
        self.config = config
        self.inputs: Feeds = {}

    def __call__(self, **inputs: Any) -> Any:
        self.inputs = {name: value.numpy() for name, value in inputs.items()}
        raise _Asked


def recorded_feeds(request: ExportRequest, source: Path) -> Iterator[Feeds]:
    """What a model is given for each sample: arrays of a batch of one by the names of its inputs.

    A sample that cannot be prepared is passed over: torch's answers to the same samples say so. Raises ExportFailure
    where the task has no samples or what prepares them cannot be used.
    """
    from transformers import AutoConfig

    from exporters.reference import answerer_for

    config = AutoConfig.from_pretrained(str(source), trust_remote_code=False, local_files_only=True)
    model = _Recorder(config)
    answerer = answerer_for(model, request, source)
    if answerer is None:
        raise ExportFailure("export-no-calibration", task=request.task)
    for sample in request.samples:
        try:
            answerer(sample)
        except _Asked:
            yield model.inputs
        except (ExportFailure, MemoryError):
            raise
        except Exception:
            continue


def observed(
    model: Path,
    feeds: Iterable[Feeds],
    method: str,
    operators: Sequence[str],
    on_sample: Callable[[int], None] = lambda done: None,
) -> tuple[TensorsData, int]:
    """The ranges of the inputs and outputs of all nodes of these kinds, and of how many samples they are.

    Raises ExportFailure where there is no sample that the graph takes, MemoryError.
    """
    augmented = model.with_name(f"{model.stem}.observed.onnx")  # beside the weights, which stay in their file
    try:
        with _weights_left_in_files():
            calibrator = create_calibrator(
                model, list(operators), augmented_model_path=str(augmented), calibrate_method=METHODS[method]
            )
        wanted = {item.name for item in calibrator.infer_session.get_inputs()}
        count = 0
        for given in feeds:
            if missing := wanted - given.keys():
                raise ExportFailure("export-calibration-input", name=", ".join(sorted(missing)))
            calibrator.collect_data(_one({name: given[name] for name in wanted}))
            count += 1
            on_sample(count)
        if count == 0:
            raise ExportFailure("export-calibration-empty")
        ranges = calibrator.compute_data()
        del calibrator.infer_session
    finally:
        augmented.unlink(missing_ok=True)
    return ranges, count


@contextmanager
def _weights_left_in_files() -> Iterator[None]:
    """Have onnxruntime observe a graph without a copy of its weights: it would hold one in a message, which it writes
    again, and one laid out for speed beside that which its session reads."""
    from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
    from onnxruntime.quantization import calibrate

    base: Any = calibrate.CalibraterBase
    kept: Any = calibrate
    read, begin = kept.load_model_with_shape_infer, base.create_inference_session

    def outlined(path: Path) -> ModelProto:
        return infer_shapes(graphs.for_session(path))

    def create_session(calibrator: Any) -> None:
        options = SessionOptions()
        options.graph_optimization_level = GraphOptimizationLevel.ORT_DISABLE_ALL
        options.enable_mem_pattern = False  # which is a second place for all that lies between
        options.add_session_config_entry("session.disable_prepacking", "1")
        providers = ["CPUExecutionProvider"]
        calibrator.infer_session = InferenceSession(calibrator.augmented_model_path, options, providers=providers)

    kept.load_model_with_shape_infer, base.create_inference_session = outlined, create_session
    try:
        yield
    finally:
        kept.load_model_with_shape_infer, base.create_inference_session = read, begin


def _one(feeds: Mapping[str, Any]) -> CalibrationDataReader:
    """A reader of one sample. The calibrator asks by these two methods alone."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left = [dict(feeds)]

        def get_next(self) -> Any:
            return self._left.pop() if self._left else None

    return Reader()


def bounds(ranges: TensorsData, name: str) -> tuple[float, float] | None:
    """The smallest and the largest value that a tensor is to have room for, None where it was not observed."""
    if name not in ranges.data:
        return None
    low, high = (float(np.asarray(value).reshape(-1)[0]) for value in ranges.data[name].range_value)
    return (low, high) if np.isfinite([low, high]).all() else None
