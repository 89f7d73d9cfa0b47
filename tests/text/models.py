"""Text models of a few hundred bytes whose answers can be worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, pre_tokenizers, processors
from tokenizers.models import WordLevel

from workbench.runtime.session import Session
from workbench.tasks.base import ModelFiles

WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "Paris", "Anna", ",")
# What the encoder gives for each word: a vector of its own, so that pooling can be done on paper.
VECTORS = np.array([[9, 9], [1, 1], [2, 0], [0, 2], [4, 0], [0, 4], [-4, 0], [3, 4], [-3, 4], [0, 0]], np.float32)
CONFIG: dict[str, Any] = {"model_type": "bert", "max_position_embeddings": 16, "pad_token_id": 0}


def word_tokenizer(*, special: bool = True) -> Tokenizer:
    """Splits at spaces and punctuation; with ``special`` a text stands between [CLS] and [SEP]."""
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if special:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
        )
    return tokenizer


def write_files(
    folder: Path,
    *,
    tokenizer: Tokenizer | None = None,
    config: Mapping[str, Any] = CONFIG,
    settings: Mapping[str, Any] | None = None,
    others: Mapping[str, Any] | None = None,
) -> ModelFiles:
    """A model's folder without graphs; ``settings`` is tokenizer_config.json, ``others`` more JSON files by name."""
    folder.mkdir(parents=True, exist_ok=True)
    (tokenizer or word_tokenizer()).save(str(folder / "tokenizer.json"))
    files = {"config.json": config, "tokenizer_config.json": settings or {"pad_token": "[PAD]"}, **(others or {})}
    for name, value in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value), "utf-8")
    return ModelFiles(folder, {})


def session(
    folder: Path,
    *,
    table: Sequence[Sequence[float]] | np.ndarray[Any, Any] = VECTORS,
    output: str = "last_hidden_state",
    pooled: bool = False,
    inputs: Sequence[str] = ("input_ids", "attention_mask"),
    dtype: int = TensorProto.INT64,
) -> dict[str, Session]:
    """A graph that looks up a row of ``table`` for each token, and adds them up over the text when ``pooled``.

    An input ``token_type_ids`` adds 100 to the rows of the second text of a pair; other inputs change nothing.
    """
    size = np.asarray(table).shape[1]
    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["rows"])]
    last = "rows"
    if "token_type_ids" in inputs:
        nodes += [
            helper.make_node("Cast", ["token_type_ids"], ["types"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["types", "last"], ["types_wide"]),
            helper.make_node("Mul", ["types_wide", "hundred"], ["shift"]),
            helper.make_node("Add", ["rows", "shift"], ["shifted"]),
        ]
        last = "shifted"
    if pooled:
        nodes.append(helper.make_node("ReduceSum", [last, "tokens"], ["sum"], keepdims=0))
        last = "sum"
    nodes.append(helper.make_node("Identity", [last], [output]))
    constants = {
        "table": np.asarray(table, np.float32),
        "tokens": np.array([1], np.int64),
        "last": np.array([-1], np.int64),
        "hundred": np.array(100, np.float32),
    }
    shape = ["batch", size] if pooled else ["batch", "sequence", size]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, dtype, ["batch", "sequence"]) for name in inputs],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path = folder / "model.onnx"
    onnx.save(model, path)
    return {"model": Session(path)}
