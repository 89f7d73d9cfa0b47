"""Language models of a few kilobytes: one layer of attention with a cache, seeded weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.text.models import WORDS, word_tokenizer, write_files
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles

HEADS, KV_HEADS, SIZE = 4, 2, 16
HIDDEN = HEADS * SIZE
POSITIONS = 2048
CONFIG: dict[str, Any] = {"model_type": "llama", "max_position_embeddings": POSITIONS, "bos_token_id": 2}
TYPES = {"float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16}


def grouped_query_model(
    path: Path, *, vocabulary: int = len(WORDS), dtype: str = "float32", keeps: str = "", bias: Any = None
) -> Path:
    """A graph with GroupQueryAttention and rotated positions; ``bias`` float [vocabulary] is added to the scores.

    ``keeps`` gives it an input ``num_logits_to_keep``, which is "asked" for or has a "default".
    """
    rng = np.random.default_rng(3)
    angles = np.arange(POSITIONS)[:, None] * 100.0 ** (-np.arange(SIZE // 2) / (SIZE // 2))
    weights = {
        "table": rng.normal(size=(vocabulary, HIDDEN)),
        "w_q": rng.normal(size=(HIDDEN, HIDDEN)) / 3,
        "w_k": rng.normal(size=(HIDDEN, KV_HEADS * SIZE)) / 3,
        "w_v": rng.normal(size=(HIDDEN, KV_HEADS * SIZE)) / 3,
        "w_out": rng.normal(size=(HIDDEN, vocabulary)),
        "bias": np.zeros(vocabulary) if bias is None else np.asarray(bias),
        "cos": np.cos(angles),
        "sin": np.sin(angles),
    }
    constants: dict[str, Any] = {name: value.astype(dtype) for name, value in weights.items()}
    constants |= {"one": np.array(1, np.int64), "axis": np.array([1], np.int64), "end": np.array([1 << 40], np.int64)}
    node = helper.make_node
    names = ["q", "k", "v", "past_key_values.0.key", "past_key_values.0.value", "seqlens", "total", "cos", "sin"]
    nodes = [
        node("Gather", ["table", "input_ids"], ["x"]),
        *(node("MatMul", ["x", f"w_{name}"], [name]) for name in "qkv"),
        node("ReduceSum", ["attention_mask", "axis"], ["counted"], keepdims=0),
        node("Sub", ["counted", "one"], ["last"]),
        node("Cast", ["last"], ["seqlens"], to=TensorProto.INT32),
        node("Shape", ["attention_mask"], ["mask_shape"]),
        node("Gather", ["mask_shape", "one"], ["mask_length"]),
        node("Cast", ["mask_length"], ["total"], to=TensorProto.INT32),
        node(
            "GroupQueryAttention",
            names,
            ["attended", "present.0.key", "present.0.value"],
            domain="com.microsoft",
            num_heads=HEADS,
            kv_num_heads=KV_HEADS,
            do_rotary=1,
        ),
        node("Add", ["x", "attended"], ["hidden"]),
    ]
    last = "hidden"
    if keeps:
        nodes += [
            node("Neg", ["num_logits_to_keep"], ["from_end"]),
            node("Reshape", ["from_end", "axis"], ["start"]),
            node("Slice", ["hidden", "start", "end", "axis"], ["kept"]),
        ]
        last = "kept"
    nodes += [node("MatMul", [last, "w_out"], ["scores"]), node("Add", ["scores", "bias"], ["logits"])]
    info, kind = helper.make_tensor_value_info, TYPES[dtype]
    past = ["batch", KV_HEADS, "past", SIZE]
    inputs = [
        info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
        info("attention_mask", TensorProto.INT64, ["batch", "total"]),
        *(info(f"past_key_values.0.{part}", kind, past) for part in ("key", "value")),
    ]
    if keeps:
        inputs.append(info("num_logits_to_keep", TensorProto.INT64, []))
    present = ["batch", KV_HEADS, "total", SIZE]
    outputs = [
        info("logits", kind, ["batch", "kept", vocabulary]),
        *(info(f"present.0.{part}", kind, present) for part in ("key", "value")),
    ]
    if keeps == "default":
        constants["num_logits_to_keep"] = np.array(0, np.int64)
    initializers = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    _save(path, nodes, inputs, outputs, initializers)
    return path


def growing_model(path: Path) -> Path:
    """A graph that hands out a longer cache, as plain exports do: a token's score is how often it occurred."""
    node, info = helper.make_node, helper.make_tensor_value_info
    past = "past_key_values.0.key"
    nodes = [
        node("Gather", ["eye", "input_ids"], ["rows"]),
        node("Unsqueeze", ["rows", "axis"], ["new"]),
        node("Concat", [past, "new"], ["present.0.key"], axis=2),
        node("ReduceSum", ["present.0.key", "axes"], ["sums"], keepdims=0),
        node("Unsqueeze", ["sums", "axis"], ["logits"]),
    ]
    size = len(WORDS)
    constants = {"eye": np.eye(size, dtype=np.float32), "axis": np.array([1]), "axes": np.array([1, 2])}
    inputs = [
        info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
        info(past, TensorProto.FLOAT, ["batch", 1, "past", size]),
    ]
    outputs = [
        info("logits", TensorProto.FLOAT, ["batch", 1, size]),
        info("present.0.key", TensorProto.FLOAT, ["batch", 1, "total", size]),
    ]
    _save(path, nodes, inputs, outputs, [numpy_helper.from_array(value, name) for name, value in constants.items()])
    return path


def _save(path: Path, nodes: list[Any], inputs: list[Any], outputs: list[Any], initializers: list[Any]) -> None:
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=9), path)


def load(path: Path) -> Session:
    return Session(path, SessionOptions("cpu", threads=1))


def language_model_files(folder: Path, settings: dict[str, Any] | None = None) -> ModelFiles:
    """The files of a model whose words are those of :data:`WORDS`; ``settings`` is generation_config.json."""
    special = {"pad_token": "[PAD]", "bos_token": "[CLS]", "eos_token": "[SEP]"}
    files = write_files(folder, tokenizer=word_tokenizer(special=False), config=CONFIG, settings=special)
    if settings is not None:
        (folder / "generation_config.json").write_text(json.dumps(settings), "utf-8")
    return files
