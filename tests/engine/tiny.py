"""A text classifier of a few hundred bytes with answers that are worked out by hand, and a word that takes long."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from workbench.engine.request import ModelChoice

WORDS = ("[UNK]", "[PAD]", "good", "bad", "fine", "slow", "pause")
# Logits of (negative, positive) that each word adds.
WEIGHTS = np.array([[0, 0], [0, 0], [-1, 2], [2, -1], [0, 1], [0, 0], [0, 0]], np.float32)
# How often the graph turns on the spot for each of these words: hours, and some tens of milliseconds.
TURNS = {"slow": 1 << 40, "pause": 20_000}


def tiny_model(folder: Path, *, padding_bytes: int = 0) -> ModelChoice:
    """Write the model into ``folder``; with ``padding_bytes`` its file is that much larger."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "max_position_embeddings": 64,
        "id2label": {"0": "negative", "1": "positive"},
    }
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 64}), "utf-8")
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # type: ignore[assignment]
    tokenizer.save(str(folder / "tokenizer.json"))
    graph = folder / "onnx" / "model.onnx"
    graph.parent.mkdir(exist_ok=True)
    onnx.save(_graph(padding_bytes), graph)
    return ModelChoice(folder.name, str(folder), {"model": str(graph)}, "text-classification", "cpu")


def expected(text: str) -> dict[str, float]:
    """The probabilities that the model gives."""
    logits = np.sum([WEIGHTS[WORDS.index(word) if word in WORDS else 0] for word in text.split()], 0)
    exponents = np.exp(logits - logits.max())
    negative, positive = exponents / exponents.sum()
    return {"negative": float(negative), "positive": float(positive)}


def _graph(padding_bytes: int) -> onnx.ModelProto:
    turns = np.zeros(len(WORDS), np.int64)
    for word, count in TURNS.items():
        turns[WORDS.index(word)] = count
    constants = {
        "weights": WEIGHTS,
        "turns": turns,
        "axis": np.array([1], np.int64),
        "all": np.array([0, 1], np.int64),
        "true": np.array(True),
        "zero": np.zeros((1, 1), np.float32),
        "padding": np.zeros(padding_bytes // 4, np.float32),
    }
    # The logits get 0 added as often as the words say.
    body = helper.make_graph(
        [
            helper.make_node("Identity", ["go"], ["go_on"]),
            helper.make_node("Add", ["carried", "zero"], ["carried_on"]),
        ],
        "turn",
        [
            helper.make_tensor_value_info("number", TensorProto.INT64, []),
            helper.make_tensor_value_info("go", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried", TensorProto.FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", TensorProto.BOOL, []),
            helper.make_tensor_value_info("carried_on", TensorProto.FLOAT, None),
        ],
    )
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["each"]),
        helper.make_node("ReduceSum", ["each", "axis"], ["sum"], keepdims=0),
        helper.make_node("Gather", ["turns", "input_ids"], ["turns_each"]),
        helper.make_node("ReduceSum", ["turns_each", "all"], ["count"], keepdims=0),
        helper.make_node("Loop", ["count", "true", "sum"], ["logits"], body=body),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
