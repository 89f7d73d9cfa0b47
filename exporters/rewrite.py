"""Walks a graph and replaces matrices and embeddings by quantized ones; what by, each recipe says.

Written here rather than through onnxruntime's own quantizers, which know no tied heads, no embedding shared with a
head, and quantize a weight once for each branch of a merged decoder: Whisper tiny's decoder then grows from 118 MB to
198 MB instead of shrinking to 30.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

from exporters import graphs
from exporters.graphs import Aside

__all__ = ["Array", "WeightRewriter", "is_large_table", "is_plain_gemm"]

Array = np.ndarray[Any, np.dtype[Any]]
# Smaller tables (token types, a few positions) are not worth the nodes.
MIN_EMBEDDING_ELEMENTS = 1 << 16


class WeightRewriter(ABC):
    """``run`` changes the model in place. New weights go to the outermost graph, so that branches share them.

    Of a model that was loaded without its weights each is read when its turn comes, and new ones go ``aside``, so that
    a model of many gigabytes never lies in memory as a whole.
    """

    def __init__(self, model: ModelProto, aside: Aside) -> None:
        self.model = model
        self._aside = aside
        self.weights = graphs.weights_of(model)
        self._present = set(self.weights)
        self._turned: dict[str, str] = {}
        self._heads: set[str] = set()

    @abstractmethod
    def product(self, node: NodeProto, weight: str, output: str, *, rows_are_outputs: bool) -> list[NodeProto]:
        """Nodes that multiply ``node.input[0]`` by the weight and give ``output``.

        With ``rows_are_outputs`` the weight is stored as [outputs, inputs], else as [inputs, outputs].
        """

    @abstractmethod
    def embedding(self, node: NodeProto) -> list[NodeProto]:
        """Nodes that look up the ids ``node.input[1]`` in the table ``node.input[0]`` of shape [rows, width]."""

    def fits_embedding(self, width: int) -> bool:
        """Whether rows of this width can be quantized."""
        return width > 0

    def run(self) -> int:
        """How many nodes were replaced."""
        for graph in graphs.graphs_within(self.model.graph):
            for node in graph.node:
                if graphs.is_transpose_of_matrix(node, self.weights):
                    self._turned[node.output[0]] = node.input[0]
        for graph in graphs.graphs_within(self.model.graph):
            used = {name for node in graph.node for name in node.input[1:]}
            self._heads |= {self._turned[name] for name in used & self._turned.keys()}
        replaced = sum(self._rewrite(graph) for graph in self._inner_first())
        used_now = graphs.input_counts(self.model)
        for graph in self._inner_first():
            unused = self._turned.keys() - used_now.keys()
            graphs.replace_nodes(graph, [node for node in graph.node if node.output[0] not in unused])
        graphs.drop_unused(self.model)
        return replaced

    def _inner_first(self) -> list[GraphProto]:
        # Giving a graph other nodes copies the graphs within them, so those must be done before.
        return list(graphs.graphs_within(self.model.graph))[::-1]

    def is_tied(self, table: str) -> bool:
        """Whether a table of embeddings is, transposed, a weight of some product too."""
        return table in self._heads

    def add_weight(self, name: str, value: Array) -> str:
        """Store an array in the outermost graph under this name, once."""
        if name not in self._present:
            self._present.add(name)
            self.model.graph.initializer.append(self._aside.tensor(value, name))
        return name

    def matrix(self, name: str) -> Array:
        """A float32 weight of two axes."""
        return graphs.array_of(self.weights[name])

    def _rewrite(self, graph: GraphProto) -> int:
        nodes: list[NodeProto] = []
        replaced = 0
        for node in graph.node:
            made = self._replacement(node)
            replaced += made is not None
            nodes.extend([node] if made is None else made)
        graphs.replace_nodes(graph, nodes)
        return replaced

    def _replacement(self, node: NodeProto) -> list[NodeProto] | None:
        if node.op_type == "Gather":
            return self.embedding(node) if self._is_embedding(node) else None
        if node.op_type == "MatMul":
            name = node.input[1]
            if name in self._turned and self._is_matrix(self._turned[name]):
                return self.product(node, self._turned[name], node.output[0], rows_are_outputs=True)
            if self._is_matrix(name):
                return self.product(node, name, node.output[0], rows_are_outputs=False)
        if node.op_type == "Gemm" and self._is_matrix(node.input[1]) and is_plain_gemm(node):
            return self._gemm(node)
        return None

    def _gemm(self, node: NodeProto) -> list[NodeProto]:
        rows_are_outputs = bool(graphs.attribute(node, "transB", 0))
        if len(node.input) < 3 or not node.input[2]:
            return self.product(node, node.input[1], node.output[0], rows_are_outputs=rows_are_outputs)
        plain = f"{node.output[0]}_product"
        made = self.product(node, node.input[1], plain, rows_are_outputs=rows_are_outputs)
        return [*made, helper.make_node("Add", [plain, node.input[2]], [node.output[0]], name=f"{node.name}_bias")]

    def _is_matrix(self, name: str) -> bool:
        tensor = self.weights.get(name)
        return tensor is not None and tensor.data_type == TensorProto.FLOAT and len(tensor.dims) == 2

    def _is_embedding(self, node: NodeProto) -> bool:
        if not self._is_matrix(node.input[0]) or graphs.attribute(node, "axis", 0) != 0:
            return False
        table = self.weights[node.input[0]]
        return is_large_table(table) and self.fits_embedding(table.dims[1])


def is_large_table(table: TensorProto) -> bool:
    """Whether a table of embeddings is worth being quantized."""
    return bool(math.prod(table.dims) >= MIN_EMBEDDING_ELEMENTS)


def is_plain_gemm(node: NodeProto) -> bool:
    """Whether a Gemm multiplies its inputs as they are, by nothing else."""
    factors = [item.f for item in node.attribute if item.name in ("alpha", "beta")]
    return all(value == 1.0 for value in factors) and graphs.attribute(node, "transA", 0) == 0
