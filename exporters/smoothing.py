"""Activation smoothing, as of SmoothQuant (Xiao et al. 2023, equation 4): dynamic int8 has one step for all channels of
an activation, so that a few large channels leave little for the others. Those are divided by a factor that the rows of
the weight behind are multiplied by, which alters nothing in fp32 and halves the error in int8.

Where nothing but such products reads a normalisation, its own weights take the factors in; those of what an attention
gives go into the weights of its values; elsewhere one ``Mul`` does.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.activations import Activations, weight_key
from exporters.graphs import Aside
from exporters.rewrite import Array, is_plain_gemm

__all__ = ["Range", "Smoothed", "factors", "range_of", "smooth"]

Range = tuple[float, float]

# How much of a channel's size goes over to the weights. Of all-MiniLM-L6-v2, the mean cosine of 80 sentences that were
# not seen before, one share for all products: none 0.9929, 0.5 0.9891, 0.6 0.9963, 0.7 0.9974, 0.8 0.9966, 0.9 0.9945;
# the best of these for each product 0.9978, with 0.8 among them 0.9973.
SHARES = (0.5, 0.6, 0.7)
# Channels that no sample made large are taken to become this part of the largest one, since another text may make them
# so: with 0.01, Whisper's encoder was off by 0.132 in noise, where the samples had none, and is by 0.044 with this.
LEAST = 0.1
# From what an attention gives up to the product with the weights of its values.
BEHIND_VALUES = ("Reshape", "Transpose", "MatMul", "Transpose", "Reshape", "Add")
HEADS_FIRST = [0, 2, 1, 3]
NORMALISATIONS = ("LayerNormalization", "SimplifiedLayerNormalization", "RMSNormalization", "Mul")


# Fewer inputs than these tell too little of how far others go. A head has one for each text.
LEAST_ROWS = 8


@dataclass(frozen=True)
class Smoothed:
    """How many inputs of products were smoothed, and between what numbers the inputs of products lie now, by name, as
    far as that is known: of those that were not smoothed too."""

    inputs: int
    ranges: Mapping[str, Range]


@dataclass(frozen=True)
class _Product:
    node: NodeProto
    weight: str
    rows_are_outputs: bool


def factors(seen: Activations, weight: Array) -> Array | None:
    """What to divide the channels by, float32 [inputs], for a weight [inputs, outputs]; None where nothing is gained.

    That share is taken for which the rounding of both sides makes the least squared error: half a step is as likely as
    none, whatever the channel.
    """
    sizes = np.abs(weight).max(axis=1)
    if not (seen.largest.max() > 0 and sizes.max() > 0):
        return None
    large = np.maximum(seen.largest, LEAST * seen.largest.max())
    sizes = np.maximum(sizes, LEAST * sizes.max())
    best, least = None, _error(seen, weight, np.ones_like(large))
    for share in SHARES:
        logs = share * np.log(large) - (1 - share) * np.log(sizes)
        made = np.exp(logs - logs.mean()).astype(np.float32)
        if (error := _error(seen, weight, made)) < least:
            best, least = made, error
    return best


def _error(seen: Activations, weight: Array, by: Array) -> float:
    """Twelve times the squared error of a row of the product, in expectation."""
    scaled = weight * by[:, None]
    step = 2 * (seen.largest / by).max() / 255
    steps = np.abs(scaled).max(axis=0) / 127
    given = float(step) ** 2 * float(np.square(scaled, dtype=np.float64).sum())
    return given + float((seen.mean_square / by**2).sum()) * float(np.square(steps, dtype=np.float64).sum())


def range_of(seen: Activations, by: Array | float = 1.0) -> Range | None:
    """The least and the greatest number of inputs that are divided by these factors; None where too few were seen.

    Others go further: of n that are alike, the next one exceeds all with a chance of 1 / n. A tenth more for 100, a
    hundredth for 10,000.
    """
    if seen.least is None or seen.greatest is None or seen.rows < LEAST_ROWS:
        return None
    more = 1 + seen.rows**-0.5
    return float((seen.least / by).min()) * more, float((seen.greatest / by).max()) * more


def smooth(model: ModelProto, activations: Mapping[str, Activations], aside: Aside) -> Smoothed:
    """Smooth the inputs of all products whose activations are known, in place. New weights go ``aside``."""
    done = 0
    ranges: dict[str, Range] = {}
    for graph in list(graphs.graphs_within(model.graph))[::-1]:  # the inner first
        smoother = _Smoother(model, graph, activations, aside)
        done += smoother.run()
        ranges |= smoother.ranges
    return Smoothed(done, ranges)


class _Smoother:
    def __init__(
        self, model: ModelProto, graph: GraphProto, activations: Mapping[str, Activations], aside: Aside
    ) -> None:
        self._aside = aside
        self._model, self._graph, self._activations = model, graph, activations
        self.ranges: dict[str, Range] = {}
        self._weights = graphs.weights_of(model)
        self._used = graphs.input_counts(model)

    def run(self) -> int:
        by_input: dict[str, list[_Product]] = {}
        for node in self._graph.node:
            if product := self._product(node):
                by_input.setdefault(node.input[0], []).append(product)
        made: dict[str, NodeProto] = {}
        done = 0
        for name, products in by_input.items():
            done += self._smooth(name, products, made)
        if made:
            here = {name for node in self._graph.node for name in node.output}
            nodes = [node for name, node in made.items() if name not in here]
            for node in self._graph.node:
                nodes.append(node)
                nodes.extend(made[name] for name in node.output if name in made)
            graphs.replace_nodes(self._graph, nodes)
        return done

    def _product(self, node: NodeProto) -> _Product | None:
        if node.op_type not in ("MatMul", "Gemm") or (node.op_type == "Gemm" and not is_plain_gemm(node)):
            return None
        tensor = self._weights.get(node.input[1])
        # A weight that something else reads too cannot be scaled for this one.
        if tensor is None or tensor.data_type != TensorProto.FLOAT or len(tensor.dims) != 2:
            return None
        if self._used[tensor.name] != 1:
            return None
        turned = node.op_type == "Gemm" and bool(graphs.attribute(node, "transB", 0))
        return _Product(node, tensor.name, turned)

    def _matrix(self, product: _Product) -> Array:
        matrix = graphs.array_of(self._weights[product.weight])
        return matrix.T if product.rows_are_outputs else matrix

    def _smooth(self, name: str, products: list[_Product], made: dict[str, NodeProto]) -> bool:
        matrices = [self._matrix(item) for item in products]
        known = [self._activations.get(weight_key(matrix[:, 0])) for matrix in matrices]
        seen = next((item for item in known if item is not None and len(item.largest) == len(matrices[0])), None)
        if seen is None:
            return False
        by = factors(seen, np.concatenate(matrices, axis=1))
        found = range_of(seen, 1.0 if by is None else by)
        if by is None:
            self.ranges |= {name: found} if found else {}
            return False
        for product, matrix in zip(products, matrices, strict=True):
            scaled = matrix * by[:, None]
            self._store(product.weight, scaled.T if product.rows_are_outputs else scaled)
        if not (self._fold(name, len(products), by) or self._fold_into_values(name, len(products), by)):
            factor, smoothed = f"{name}_smoothing", f"{name}_smoothed"
            self._model.graph.initializer.append(numpy_helper.from_array(1 / by, factor))
            made[name] = helper.make_node("Mul", [name, factor], [smoothed], name=f"{name}_smooth")
            for product in products:
                product.node.input[0] = smoothed
        self.ranges |= {products[0].node.input[0]: found} if found else {}
        return True

    def _fold(self, name: str, readers: int, by: Array) -> bool:
        """Have the normalisation that gives the input divide its own weights; whether that can be done."""
        maker = next((node for node in self._graph.node if name in node.output), None)
        if maker is None or maker.op_type not in NORMALISATIONS or self._used[name] != readers:
            return False
        if any(item.name in maker.output[1:] and item.name for item in self._graph.output):
            return False
        if maker.op_type == "Mul":
            names = [item for item in maker.input if item in self._weights][:1]
        else:
            names = [item for item in maker.input[1:3] if item]
        tensors = [self._weights.get(item) for item in names]
        if not tensors or any(
            item is None or list(item.dims) != [len(by)] or self._used[item.name] != 1 for item in tensors
        ):
            return False
        for item in names:
            self._store(item, graphs.array_of(self._weights[item]) / by)
        return True

    def _fold_into_values(self, name: str, readers: int, by: Array) -> bool:
        """Have the weights that make the values of an attention divide what it gives; whether that can be done.

        Each channel of it is a mean of that channel of the values, whatever the head. Queries, keys and values come
        before, so these have been smoothed already.
        """
        way, bias = [name], ""
        for kind in BEHIND_VALUES:
            maker = next((node for node in self._graph.node if way[-1] in node.output), None)
            if maker is None or maker.op_type != kind or self._used[way[-1]] != (readers if len(way) == 1 else 1):
                return False
            if kind == "Transpose" and [list(item.ints) for item in maker.attribute] != [HEADS_FIRST]:
                return False
            given = maker.input[1] if kind == "MatMul" else maker.input[0]
            if kind == "Add":
                bias = next((item for item in maker.input if item in self._weights), "")
                given = next((item for item in maker.input if item not in self._weights), "")
            way.append(given)
        product = next((node for node in self._graph.node if way[-1] in node.output), None)
        if product is None or product.op_type != "MatMul" or self._used[way[-1]] != 1:
            return False
        names = (product.input[1], bias)
        for item, axes in zip(names, (2, 1), strict=True):
            tensor = self._weights.get(item)
            if tensor is None or self._used[item] != 1 or len(tensor.dims) != axes or tensor.dims[-1] != len(by):
                return False
        for item in names:
            self._store(item, graphs.array_of(self._weights[item]) / by)
        return True

    def _store(self, name: str, value: Array) -> None:
        self._weights[name].CopyFrom(self._aside.tensor(np.asarray(value, np.float32), name))
