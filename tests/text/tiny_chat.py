"""A model that chats: each word is followed by the next of a chain, and a template lets the answer begin behind the
last word of the question."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

__all__ = ["TEMPLATE", "write_tiny_chat"]

END = "<|im_end|>"
WORDS = ("[UNK]", END, "<|im_start|>", "one", "two", "three", "again", "user", "assistant", "system")
# What follows each word; after all others comes the end.
NEXT = {"one": "two", "two": "three", "again": "again"}
TEMPLATE = (
    "{% for m in messages %}{{ '<|im_start|> ' + m.role + ' ' + m.content + ' <|im_end|> ' }}{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|> assistant {{ messages[-1].content }}{% endif %}"
)


def write_tiny_chat(folder: Path, *, template: str | None = TEMPLATE, context: int | None = None) -> None:
    """Write the model into ``folder``. ``context`` is how many tokens it takes, None for any number."""
    (folder / "onnx").mkdir(parents=True)
    config = {"architectures": ["LlamaForCausalLM"], "model_type": "llama", "eos_token_id": 1}
    if context:
        config["max_position_embeddings"] = context
    settings = {"eos_token": END, "tokenizer_class": "PreTrainedTokenizerFast"}
    if template is not None:
        settings["chat_template"] = template
    tokenizer = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()  # type: ignore[assignment]
    tokenizer.add_special_tokens([END, "<|im_start|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, value in (("config", config), ("tokenizer_config", settings), ("generation_config", {"eos_token_id": 1})):
        (folder / f"{name}.json").write_text(json.dumps(value), "utf-8")
    onnx.save(_graph(), folder / "onnx" / "model.onnx")


def _graph() -> onnx.ModelProto:
    table = np.zeros((len(WORDS), len(WORDS)), np.float32)
    for number, word in enumerate(WORDS):
        table[number, WORDS.index(NEXT.get(word, END))] = 9
    constants = {"table": table, "shape": np.array([0, 1, -1, 1], np.int64)}
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["logits"]),
        helper.make_node("Reshape", ["input_ids", "shape"], ["rows"]),
        helper.make_node("Cast", ["rows"], ["new"], to=TensorProto.FLOAT),
    ]
    past, present = [], []
    for name in ("key", "value"):
        shape = ["batch", 1, "past", 1]
        past.append(helper.make_tensor_value_info(f"past_key_values.0.{name}", TensorProto.FLOAT, shape))
        shape = ["batch", 1, "total", 1]
        present.append(helper.make_tensor_value_info(f"present.0.{name}", TensorProto.FLOAT, shape))
        nodes.append(helper.make_node("Concat", [past[-1].name, "new"], [present[-1].name], axis=2))
    graph = helper.make_graph(
        nodes,
        "tiny-chat",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "sequence"]),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "total"]),
            *past,
        ],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "sequence", len(WORDS)]), *present],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    # A node has to read the mask, or onnxruntime leaves that input out.
    graph.node.append(helper.make_node("Shape", ["attention_mask"], ["mask_shape"]))
    graph.output.append(helper.make_tensor_value_info("mask_shape", TensorProto.INT64, [2]))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    return model
