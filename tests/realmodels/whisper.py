"""An OpenAI Whisper checkpoint out of its CTranslate2 conversion (float16, nothing lost)."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from tests.realmodels.files import save, write_json
from tests.realmodels.readers import Weights, read_ctranslate2

END = "<|endoftext|>"


def write_whisper(source: Path, out: Path) -> None:
    """The checkpoint of an English-only model: ``source`` holds model.bin, config.json and tokenizer.json."""
    variables = read_ctranslate2(source / "model.bin")
    layers = {side: _layers(variables, side) for side in ("encoder", "decoder")}
    save(_weights(variables, layers), out)
    shutil.copy(source / "tokenizer.json", out)
    tokenizer = Tokenizer.from_file(str(out / "tokenizer.json"))
    write_json(out / "config.json", _config(variables, layers, tokenizer))
    settings = json.loads((source / "config.json").read_text("utf-8"))
    write_json(out / "generation_config.json", _generation_config(settings, tokenizer))
    write_json(out / "preprocessor_config.json", PREPROCESSOR)
    _write_tokenizer_files(out)


PREPROCESSOR = {
    "feature_extractor_type": "WhisperFeatureExtractor",
    "processor_class": "WhisperProcessor",
    "chunk_length": 30,
    "feature_size": 80,
    "hop_length": 160,
    "n_fft": 400,
    "n_samples": 480000,
    "nb_max_frames": 3000,
    "padding_side": "right",
    "padding_value": 0.0,
    "return_attention_mask": False,
    "sampling_rate": 16000,
}


def _layers(variables: Weights, side: str) -> int:
    return sum(name.startswith(side + "/layer_") and name.endswith("ffn/linear_0/weight") for name in variables)


def _weights(variables: Weights, layers: dict[str, int]) -> Weights:
    """Under the names of transformers. CTranslate2 stores query, key and value (or key and value) as one matrix."""
    weights: Weights = {}
    width = variables["encoder/conv1/weight"].shape[0]

    def get(name: str) -> Any:
        return variables[name].astype("float32")

    def linear(to: str, name: str, part: int | None = None, *, bias: bool = True) -> None:
        rows = slice(None) if part is None else slice(part * width, (part + 1) * width)
        weights[to + ".weight"] = get(name + "/weight")[rows]
        if bias:
            weights[to + ".bias"] = get(name + "/bias")[rows]

    def norm(to: str, name: str) -> None:
        weights[to + ".weight"], weights[to + ".bias"] = get(name + "/gamma"), get(name + "/beta")

    for convolution in ("conv1", "conv2"):
        linear(f"model.encoder.{convolution}", f"encoder/{convolution}")
    weights["model.decoder.embed_tokens.weight"] = get("decoder/embeddings/weight")
    for side, count in layers.items():
        weights[f"model.{side}.embed_positions.weight"] = get(f"{side}/position_encodings/encodings")
        norm(f"model.{side}.layer_norm", f"{side}/layer_norm")
        for number in range(count):
            to, name = f"model.{side}.layers.{number}", f"{side}/layer_{number}"
            for part, letter in enumerate("qkv"):  # Whisper's keys have no bias
                linear(f"{to}.self_attn.{letter}_proj", f"{name}/self_attention/linear_0", part, bias=letter != "k")
            linear(f"{to}.self_attn.out_proj", f"{name}/self_attention/linear_1")
            norm(f"{to}.self_attn_layer_norm", f"{name}/self_attention/layer_norm")
            if side == "decoder":
                linear(f"{to}.encoder_attn.q_proj", f"{name}/attention/linear_0")
                linear(f"{to}.encoder_attn.k_proj", f"{name}/attention/linear_1", 0, bias=False)
                linear(f"{to}.encoder_attn.v_proj", f"{name}/attention/linear_1", 1)
                linear(f"{to}.encoder_attn.out_proj", f"{name}/attention/linear_2")
                norm(f"{to}.encoder_attn_layer_norm", f"{name}/attention/layer_norm")
            linear(f"{to}.fc1", f"{name}/ffn/linear_0")
            linear(f"{to}.fc2", f"{name}/ffn/linear_1")
            norm(f"{to}.final_layer_norm", f"{name}/ffn/layer_norm")
    return weights


def _config(variables: Weights, layers: dict[str, int], tokenizer: Tokenizer) -> dict[str, Any]:
    width, mel_bins = variables["encoder/conv1/weight"].shape[:2]
    heads, end = int(variables["encoder/num_heads"]), tokenizer.token_to_id(END)
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "activation_dropout": 0.0,
        "attention_dropout": 0.0,
        "dropout": 0.0,
        "d_model": width,
        "encoder_layers": layers["encoder"],
        "decoder_layers": layers["decoder"],
        "encoder_attention_heads": heads,
        "decoder_attention_heads": heads,
        "encoder_ffn_dim": 4 * width,
        "decoder_ffn_dim": 4 * width,
        "num_hidden_layers": layers["encoder"],
        "num_mel_bins": mel_bins,
        "max_source_positions": 1500,
        "max_target_positions": 448,
        "vocab_size": variables["decoder/embeddings/weight"].shape[0],
        "bos_token_id": end,
        "eos_token_id": end,
        "pad_token_id": end,
        "decoder_start_token_id": tokenizer.token_to_id("<|startoftranscript|>"),
        "is_encoder_decoder": True,
        "scale_embedding": bool(variables["decoder/scale_embeddings"]),
        "use_cache": True,
        "torch_dtype": "float32",
    }


def _generation_config(settings: dict[str, Any], tokenizer: Tokenizer) -> dict[str, Any]:
    token = tokenizer.token_to_id
    return {
        "bos_token_id": token(END),
        "eos_token_id": token(END),
        "pad_token_id": token(END),
        "decoder_start_token_id": token("<|startoftranscript|>"),
        "begin_suppress_tokens": settings["suppress_ids_begin"],
        "suppress_tokens": settings["suppress_ids"],
        "alignment_heads": settings["alignment_heads"],
        "is_multilingual": False,
        "no_timestamps_token_id": token("<|notimestamps|>"),
        "prev_sot_token_id": token("<|startofprev|>"),
        "max_initial_timestamp_index": 50,
        "max_length": 448,
        "return_timestamps": False,
        "forced_decoder_ids": [[1, token("<|notimestamps|>")]],
    }


def _write_tokenizer_files(out: Path) -> None:
    special = {"bos_token": END, "eos_token": END, "unk_token": END, "pad_token": END}
    write_json(out / "special_tokens_map.json", special)
    settings = {
        "tokenizer_class": "WhisperTokenizer",
        "processor_class": "WhisperProcessor",
        "add_prefix_space": False,
        "errors": "replace",
        "model_max_length": 1024,
        "return_attention_mask": False,
    }
    write_json(out / "tokenizer_config.json", settings | special)
    pairs = json.loads((out / "tokenizer.json").read_text("utf-8"))["model"]
    write_json(out / "vocab.json", pairs["vocab"])
    merges = [item if isinstance(item, str) else " ".join(item) for item in pairs["merges"]]
    (out / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", "utf-8")
