"""Channels of one size before products in 8 bits, without another result in fp32 and without a node more.

``MatMulNBits`` rounds what it multiplies in blocks: of the weights, and of the activations that meet them. A channel
that is large in either makes the step of its whole block coarse. So each channel of an activation is divided by a
factor and the weights behind multiplied by it, as in SmoothQuant (Xiao et al. 2023); here the factor makes the two
equally large, which is where the errors of both together are least. Whatever makes the activation takes the division
in: the weights of a normalisation, those of an attention's values, those of the branch that a gate is multiplied by.

Only structures in which the result provably stays are touched; see :func:`rescale`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.activations import Activations, weight_key
from exporters.blocks import BlockSettings, Factors
from exporters.rewrite import Array, is_large_table
from exporters.rounded import NOTHING_ROUNDED, Rounded

__all__ = ["rescale"]

# Where in the inputs of a normalisation its own weights lie; all of them are divided.
NORMALISATIONS = {
    "LayerNormalization": (1, 2),
    "SimplifiedLayerNormalization": (1,),
    "RMSNormalization": (1,),
    "SkipLayerNormalization": (2, 3),
    "SkipSimplifiedLayerNormalization": (2,),
}
ATTENTION = "GroupQueryAttention"
# A channel that hardly anything goes through is taken to be this part of the mean one.
LEAST = 1e-3


@dataclass(frozen=True)
class _Matrix:
    """A weight as [inputs, outputs] that is to have so many bits, and which embeddings are looked up in it besides."""

    weight: str
    array: Array
    bits: int
    embedding: str = ""


@dataclass(frozen=True)
class _Product:
    """A product with a weight, and the bias that is added to what it gives, where there is one."""

    weight: str
    bias: str | None = None


def rescale(
    model: ModelProto,
    activations: Mapping[str, Activations],
    settings: BlockSettings,
    rounded: Rounded = NOTHING_ROUNDED,
) -> dict[str, Factors]:
    """Find the factors of the weights that will have 8 bits, and put them into normalisations and biases in place.

    Of matrices they are returned by name, to be applied when each is read: the result is that of before only with them.
    Those of 4 bits lose most by their own rounding, which goes by what they were: they stay. ``activations`` are told
    by the weights as they were; how many bits a weight has that was ``rounded`` beforehand is told there.
    """
    return _Rescaler(model, activations, settings, rounded).run()


class _Rescaler:
    def __init__(
        self,
        model: ModelProto,
        activations: Mapping[str, Activations],
        settings: BlockSettings,
        rounded: Rounded,
    ) -> None:
        self._rounded = rounded
        self._graph, self._activations, self._settings = model.graph, activations, settings
        self._scores = graphs.scores_of(model)
        self._weights = {tensor.name: tensor for tensor in model.graph.initializer}
        self._used = graphs.input_counts(model)
        self._makers = {name: node for node in model.graph.node for name in node.output if name}
        self._readers: dict[str, list[NodeProto]] = {}
        for node in model.graph.node:
            for name in node.input:
                self._readers.setdefault(name, []).append(node)
        self._factors: dict[str, Factors] = {}
        self._undone: dict[str, Array] = {}  # by what a Gather gives: what its table was multiplied by

    def run(self) -> dict[str, Factors]:
        for maker in list(self._graph.node):
            if maker.op_type in (*NORMALISATIONS, ATTENTION, "Mul"):
                self._balance(maker)
        self._undo_in_embeddings()
        return self._factors

    def _only_products(self, name: str) -> list[_Matrix]:
        """The weights that a value is multiplied by; none where anything else reads it, or reads one of them."""
        readers = self._readers.get(name, [])
        if self._used[name] != len(readers):
            return []
        if len(readers) == 1 and readers[0].op_type == "Slice" and len(readers[0].input) == 4:
            # Of some tokens only. Were channels left out, the weights behind would be too narrow for the factors.
            return self._only_products(readers[0].output[0])
        found = [self._matrix(node) for node in readers if node.op_type == "MatMul" and node.input[0] == name]
        whole = [item for item in found if item is not None and item.bits == 8]
        return whole if len(whole) == len(readers) else []

    def _matrix(self, product: NodeProto) -> _Matrix | None:
        """A weight that only this product reads, or a table of embeddings, turned, that one Gather reads besides."""
        name = product.input[1]
        if self._is_own(name, 2):
            array, is_head = self._array(name), product.output[0] in self._scores
            usual = self._settings.bits_of(product.name, is_head=is_head)
            return _Matrix(name, array, self._rounded.bits_of(array.T, usual))
        maker = self._makers.get(name)
        if maker is None or self._used[name] != 1 or not graphs.is_transpose_of_matrix(maker, self._weights):
            return None
        table = maker.input[0]
        others = [node for node in self._readers[table] if node is not maker]
        if self._weights[table].data_type != TensorProto.FLOAT or self._used[table] != 2 or len(others) != 1:
            return None
        if others[0].op_type != "Gather" or others[0].input[0] != table or graphs.attribute(others[0], "axis", 0) != 0:
            return None
        if not is_large_table(self._weights[table]) or self._weights[table].dims[1] % self._settings.block_size:
            return None  # it stays as it is for the embeddings
        rows = self._array(table)
        bits = self._rounded.bits_of(rows, self._settings.head_bits)
        return _Matrix(table, rows.T, bits, others[0].output[0])

    def _is_own(self, name: str, axes: int) -> bool:
        tensor = self._weights.get(name)
        return (
            tensor is not None
            and tensor.data_type == TensorProto.FLOAT
            and len(tensor.dims) == axes
            and self._used[name] == 1
        )

    def _balance(self, maker: NodeProto) -> None:
        name = maker.output[0]
        matrices = self._only_products(name)
        keys = (weight_key(item.array[:, 0]) for item in matrices)
        seen = next((self._activations[key] for key in keys if key in self._activations), None)
        if seen is None or any(len(item.array) != len(seen.mean_square) for item in matrices):
            return
        given = np.sqrt(seen.mean_square)
        sizes = np.sqrt(np.mean([_mean_squares(item.array) for item in matrices], axis=0))
        if maker.op_type in NORMALISATIONS:
            made = self._into_norm(maker, _balanced(given, sizes))
        elif maker.op_type == ATTENTION:
            made = self._into_values(maker, given, sizes)
        else:
            made = self._into_branch(maker, _balanced(given, sizes))
        if made is None:
            return
        for item in matrices:
            self._of(item.weight).inputs = made
            if item.embedding:
                self._undone[item.embedding] = made

    def _into_norm(self, maker: NodeProto, by: Array) -> Array | None:
        places = NORMALISATIONS[maker.op_type]
        names = [maker.input[place] for place in places if place < len(maker.input) and maker.input[place]]
        if not all(self._is_own(item, 1) and self._weights[item].dims[0] == len(by) for item in names):
            return None
        for item in names:
            self._store(item, self._array(item) / by)
        return by

    def _into_values(self, maker: NodeProto, given: Array, sizes: Array) -> Array | None:
        """Each channel of what an attention gives is a mean of one channel of the values, and each channel of those is
        one of all heads that share them."""
        heads, shared = graphs.attribute(maker, "num_heads", 0), graphs.attribute(maker, "kv_num_heads", 0)
        if not heads or not shared or heads % shared or len(given) % heads:
            return None
        size = len(given) // heads
        values, width = maker.input[2], shared * size
        split = self._makers.get(values)
        if not values:  # the last channels of what queries, keys and values are in together
            values, width = maker.input[0], (heads + 2 * shared) * size
        elif split is not None and split.op_type == "Split" and graphs.attribute(split, "axis", 0) == -1:
            if split.output[-1] != values or self._used[values] != 1:
                return None
            values, width = split.input[0], (heads + 2 * shared) * size
        product = self._product_before(values)
        if product is None or self._weights[product.weight].dims[1] != width:
            return None
        together = [
            np.sqrt(np.square(item).reshape(shared, heads // shared, size).mean(axis=1)).ravel()
            for item in (given, sizes)
        ]
        by = _balanced(*together)
        self._divide(product, by)
        return np.repeat(by.reshape(shared, 1, size), heads // shared, axis=1).ravel()

    def _into_branch(self, maker: NodeProto, by: Array) -> Array | None:
        """Of two factors one comes right out of a product; that is divided."""
        for item in maker.input:
            product = self._product_before(item)
            if product is not None and self._weights[product.weight].dims[1] == len(by):
                self._divide(product, by)
                return by
        return None

    def _product_before(self, name: str) -> _Product | None:
        """The product that makes a value which nothing else reads, None where there is none."""
        maker, bias = self._makers.get(name), None
        if maker is not None and self._used[name] == 1 and maker.op_type == "Add":
            bias = next((item for item in maker.input if self._is_own(item, 1)), None)
            rest = [item for item in maker.input if item != bias]
            name = rest[0] if bias and len(rest) == 1 else ""
            maker = self._makers.get(name)
        if maker is None or self._used[name] != 1 or maker.op_type != "MatMul" or not self._is_own(maker.input[1], 2):
            return None
        known = self._factors.get(maker.input[1])
        return _Product(maker.input[1], bias) if known is None or known.outputs is None else None

    def _divide(self, product: _Product, by: Array) -> None:
        """Have the last channels of a product divided."""
        width = int(self._weights[product.weight].dims[1])
        last = np.concatenate([np.ones(width - len(by), np.float32), 1 / by])
        self._of(product.weight).outputs = last
        if product.bias:
            self._store(product.bias, self._array(product.bias) * last)

    def _undo_in_embeddings(self) -> None:
        """What is looked up in a table that was rescaled for the head is to be as before: a row or so a token."""
        nodes: list[NodeProto] = []
        for node in self._graph.node:
            nodes.append(node)
            name = node.output[0] if node.output else ""
            if name in self._undone:
                node.output[0] = f"{name}_rescaled"
                self._graph.initializer.append(numpy_helper.from_array(1 / self._undone[name], f"{name}_factors"))
                inputs = [node.output[0], f"{name}_factors"]
                nodes.append(helper.make_node("Mul", inputs, [name], name=f"{node.name}_undo"))
        if self._undone:
            graphs.replace_nodes(self._graph, nodes)

    def _of(self, weight: str) -> Factors:
        return self._factors.setdefault(weight, Factors())

    def _array(self, name: str) -> Array:
        return graphs.array_of(self._weights[name])

    def _store(self, name: str, value: Array) -> None:
        self._weights[name].CopyFrom(numpy_helper.from_array(np.ascontiguousarray(value, np.float32), name))


def _mean_squares(matrix: Array) -> Array:
    """Of each input of a weight [inputs, outputs], which may be a mapped file: no copy of it is made."""
    made: Array = np.einsum("io,io->i", matrix, matrix, dtype=np.float64) / matrix.shape[1]
    return made


def _balanced(given: Array, sizes: Array) -> Array:
    """What to divide channels by that are so large, for weights that are so large; float32, one on the average."""
    given, sizes = (np.maximum(item, LEAST * item.mean() or 1.0) for item in (given, sizes))
    logs = (np.log(given) - np.log(sizes)) / 2
    made: Array = np.exp(logs - logs.mean()).astype(np.float32)
    return made
