"""Weights out of the formats that the packages hold."""

from __future__ import annotations

import re
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

Array = np.ndarray[Any, np.dtype[Any]]
Weights = dict[str, Array]

CTRANSLATE2_DTYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
FLOAT_PARAMETER = re.compile(r"[A-Za-z_][\w.]*\.(weight|bias)")
WEIGHT_NAME = re.compile(r"[A-Za-z_][\w.]*\.weight")


def read_ctranslate2(path: Path) -> Weights:
    """Variables of a CTranslate2 ``model.bin`` (binary versions 4 to 6)."""
    with path.open("rb") as stream:

        def read(layout: str) -> tuple[Any, ...]:
            return struct.unpack("<" + layout, stream.read(struct.calcsize("<" + layout)))

        def string() -> str:
            return stream.read(read("H")[0]).rstrip(b"\0").decode()

        read("I"), string(), read("I")  # binary version, name and revision of the specification
        variables = {}
        for _ in range(read("I")[0]):
            name, rank = string(), read("B")[0]
            shape = read(f"{rank}I") if rank else ()
            dtype, size = read("BI")
            variables[name] = np.frombuffer(stream.read(size), CTRANSLATE2_DTYPES[dtype]).reshape(shape)
    return variables


def read_quantized_onnx(path: Path) -> Weights:
    """Weights of a quantized graph that PyTorch exported, as float32 under their PyTorch names."""
    graph = onnx.load(path).graph
    constants = {item.name: numpy_helper.to_array(item) for item in graph.initializer}
    makers = {output: node for node in graph.node for output in node.output}
    weights = _by_name(constants)
    for node in graph.node:
        if node.op_type in ("MatMul", "MatMulInteger"):
            weights |= _matmul(node, constants, makers)
        elif node.op_type == "Gemm" and node.input[1] in constants:
            array = constants[node.input[1]]
            weights[_parameter(node)] = array if _attributes(node).get("transB", 0) else array.T
        elif node.op_type == "MatMulNBits":
            weights[_parameter(node)] = _from_blocks(node, constants)
    return {name: array.astype(np.float32) for name, array in weights.items()}


def _by_name(constants: Weights) -> Weights:
    """Parameters whose constants kept their PyTorch names."""
    weights = {}
    for name, array in constants.items():
        base = name.removesuffix("_quantized")
        if FLOAT_PARAMETER.fullmatch(name) and array.dtype in (np.float32, np.float16):
            weights[name] = array
        elif base != name and WEIGHT_NAME.fullmatch(base):
            weights[base] = _dequantized(base, constants)
    return weights


def _matmul(node: onnx.NodeProto, constants: Weights, makers: dict[str, onnx.NodeProto]) -> Weights:
    """The weight of a product, transposed to PyTorch's [out, in]."""
    weight = node.input[1]
    if weight in makers and makers[weight].op_type == "DequantizeLinear":
        weight = makers[weight].input[0]
    base = weight.removesuffix("_quantized")
    if base != weight and weight in constants:
        name = base if WEIGHT_NAME.fullmatch(base) else _parameter(node)
        return {name: _dequantized(base, constants).T}
    if weight in constants and constants[weight].ndim == 2:
        return {_parameter(node): constants[weight].T}
    return {}


def _dequantized(base: str, constants: Weights) -> Array:
    quantized, scale, zero = (
        constants[f"{base}_{part}"].astype(np.float32) for part in ("quantized", "scale", "zero_point")
    )
    if scale.ndim:
        axis = -1 if scale.size == quantized.shape[-1] else 0
        shape = [1] * quantized.ndim
        shape[axis] = scale.size
        scale, zero = scale.reshape(shape), zero.reshape(shape)
    return (quantized - zero) * scale


def _from_blocks(node: onnx.NodeProto, constants: Weights) -> Array:
    """The weight [out, in] of a MatMulNBits: two values in a byte, a scale and a zero point a block."""
    attributes = _attributes(node)
    rows, columns = attributes["N"], attributes["K"]
    scale = constants[node.input[2]].reshape(rows, -1)
    quantized = _nibbles(constants[node.input[1]]).reshape(rows, scale.shape[1], -1)
    zero = np.full_like(scale, 8)
    if len(node.input) > 3 and node.input[3]:
        zero = _nibbles(constants[node.input[3]].reshape(rows, -1)).reshape(rows, -1)[:, : scale.shape[1]]
    return ((quantized - zero[..., None]) * scale[..., None]).reshape(rows, -1)[:, :columns]


def _nibbles(packed: Array) -> Array:
    return np.stack([packed & 15, packed >> 4], -1).astype(np.float32)


def _attributes(node: onnx.NodeProto) -> dict[str, int]:
    return {item.name: item.i for item in node.attribute}


def _parameter(node: onnx.NodeProto) -> str:
    """``/encoder/layer.0/dense/MatMul`` → ``encoder.layer.0.dense.weight``."""
    return ".".join(node.name.strip("/").split("/")[:-1]) + ".weight"
