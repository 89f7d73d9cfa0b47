"""Static int8: scales of the activations fixed beforehand, out of what they were on samples.

Activations are unsigned 8 bits with a zero point and weights signed 8 bits with a scale per output channel, which is
what processors multiply fastest; those without VNNI answer the same, since the app has onnxruntime turn the weights
there into what they add up without an overflow. Written as QuantizeLinear and DequantizeLinear pairs (QDQ), which
onnxruntime fuses with what lies between.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from onnx import ModelProto, NodeProto, helper
from onnx.shape_inference import infer_shapes
from onnxruntime import GraphOptimizationLevel, InferenceSession, SessionOptions
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer
from onnxruntime.quantization.quant_utils import add_infer_metadata

from exporters import graphs
from exporters.activations import NOTHING_SEEN, Activations
from exporters.calibration import Feeds, bounds, observed
from exporters.dynamic import Dynamic, mark_overflow_free
from exporters.failure import ExportFailure
from exporters.fixed import scale_of
from exporters.graphs import Aside
from exporters.memory import give_back
from exporters.smoothing import smooth

__all__ = ["quantize_network", "quantize_products"]

# What a convolutional network is made of. A chain of these stays in 8 bits from end to end.
NETWORK = (
    *("Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Relu", "Clip", "LeakyRelu", "MaxPool", "AveragePool"),
    *("GlobalAveragePool", "Concat", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Split"),
    *("Pad", "Resize"),
)
PRODUCTS = ("MatMul", "Gemm")


def quantize_network(
    source: Path,
    target: Path,
    method: str,
    feeds: Iterable[Feeds],
    on_sample: Callable[[int], None] = lambda done: None,
) -> int:
    """A convolutional network as a whole: inputs and outputs of its operators, so that few of them leave 8 bits.

    Weights have 7 bits: products of those add up without an overflow in 16 bits, so that processors without VNNI use
    their fastest kernel and still answer the same. A ResNet-50 with random weights is 2.2 times as fast as fp32 there
    (cosine of the logits 0.9995), and 1.5 times with 8 bits (0.9999).

    Returns on how many samples its ranges were observed. Raises ExportFailure, MemoryError.
    """
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        prepared = Path(folder) / "prepared.onnx"
        _fold(source, prepared)
        ranges, count = observed(prepared, feeds, method, NETWORK, on_sample)
        model = infer_shapes(graphs.load(prepared, external=False))
        add_infer_metadata(model)  # else the quantizer infers them, in two copies of the model
        graphs.bring_in(model)
        give_back()
        quantizer = QDQQuantizer(
            model,
            per_channel=True,
            reduce_range=True,
            weight_qType=QuantType.QInt8,
            activation_qType=QuantType.QUInt8,
            tensors_range=ranges,
            nodes_to_quantize=[],
            nodes_to_exclude=[],
            op_types_to_quantize=list(NETWORK),
            extra_options={"WeightSymmetric": True},
        )
        quantizer.quantize_model()
    model = quantizer.model.model
    mark_overflow_free(model)
    if not any(node.op_type == "DequantizeLinear" for node in model.graph.node):
        raise ExportFailure("export-nothing-to-quantize", file=source.name)
    graphs.save(model, target)
    return count


def _fold(source: Path, prepared: Path) -> None:
    """Have onnxruntime fold what is constant, and the normalization of batches into the convolutions."""
    outlined = source.with_name(f"{source.stem}.outlined.onnx")  # beside the weights
    options = SessionOptions()
    options.graph_optimization_level = GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(prepared)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", f"{prepared.name}_data")
    options.add_session_config_entry("session.disable_prepacking", "1")
    try:
        outlined.write_bytes(graphs.for_session(source).SerializeToString())
        InferenceSession(str(outlined), options, providers=["CPUExecutionProvider"])
    finally:
        outlined.unlink(missing_ok=True)


def quantize_products(
    source: Path,
    target: Path,
    method: str,
    feeds: Iterable[Feeds],
    on_sample: Callable[[int], None] = lambda done: None,
    activations: Mapping[str, Activations] = NOTHING_SEEN,
) -> tuple[int, int]:
    """A transformer: the products with weights alone, whose results stay float32, and the embeddings, smoothed before
    (:mod:`exporters.smoothing`) where ``activations`` tell how.

    What lies between (normalization, softmax, GELU) loses most in 8 bits and gains no time. Returns on how many samples
    its ranges were observed, and how many inputs were smoothed. Raises ExportFailure, MemoryError.
    """
    model = graphs.load(source, external=False)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        observable = source
        with Aside(Path(folder) / "smoothed") as aside:
            smoothed = smooth(model, activations, aside).inputs
            if smoothed:
                observable = Path(folder) / source.name
                graphs.save(model, observable)
        ranges, count = observed(observable, feeds, method, PRODUCTS, on_sample)
        model = graphs.load(observable, external=False)
        mark_overflow_free(model)
        with Aside(Path(folder) / "quantized") as aside:
            if _Static(model, ranges, aside).run() == 0:
                raise ExportFailure("export-nothing-to-quantize", file=source.name)
            graphs.save(model, target)
    return count, smoothed


class _Static(Dynamic):
    """As dynamic int8, but for the activations: their scale is known."""

    def __init__(self, model: ModelProto, ranges: TensorsData, aside: Aside) -> None:
        super().__init__(model, aside)
        self._ranges = ranges
        self._given: dict[str, tuple[str, list[NodeProto]]] = {}

    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        found = bounds(self._ranges, node.input[0])
        # Of a matrix with a bias onnxruntime makes one node that it has no kernel of 8 bits for: heads stay dynamic.
        if found is None or node.op_type == "Gemm":
            return super().product(node, weight, output, rows_are_outputs=rows_are_outputs)
        values, scales = self.columns(weight, rows_are_outputs=rows_are_outputs)
        given, made = self._dequantized(node.input[0], *found)
        name, stored = node.name, f"{output}_weight"
        return [
            *made,
            helper.make_node("DequantizeLinear", [values, scales], [stored], name=f"{name}_weight", axis=1),
            helper.make_node("MatMul", [given, stored], [output], name=f"{name}_product"),
        ]

    def _dequantized(self, name: str, low: float, high: float) -> tuple[str, list[NodeProto]]:
        """The activation as 8 bits hold it, made at its first use: queries, keys and values read the same."""
        if name in self._given:
            return self._given[name][0], []
        scale, zero = scale_of(low, high)
        constants = [self.add_weight(f"{name}_scale", scale), self.add_weight(f"{name}_zero", zero)]
        held = [f"{name}_uint8", f"{name}_held"]
        nodes = [
            helper.make_node("QuantizeLinear", [name, *constants], held[:1], name=f"{name}_quantize"),
            helper.make_node("DequantizeLinear", [held[0], *constants], held[1:], name=f"{name}_dequantize"),
        ]
        self._given[name] = (held[1], nodes)
        return held[1], nodes
