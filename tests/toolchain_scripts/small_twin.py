"""``small_twin.py CHECKPOINT OUT``: a seeded model of the same kind with hardly any weights, and the checkpoint's other
files, so that its export goes the same way.

Run by the toolchain's Python.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import safe_open

# By the names that configs have for them. A table of words stays as long as the tokenizer makes it, and narrow.
WIDTHS = {"hidden_size": 64, "d_model": 64, "n_embd": 64, "embedding_size": 64, "hidden_sizes": [16, 32, 32, 64]}
SIZES = {
    **WIDTHS,
    **{"intermediate_size": 128, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "head_dim": 32},
    **{"num_attention_heads": 2, "num_key_value_heads": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2},
    **{"num_hidden_layers": 2, "encoder_layers": 2, "decoder_layers": 2, "n_layer": 2, "n_head": 2},
    "depths": [1, 1, 1, 1],
}


def make(source: Path, target: Path) -> None:
    config: Any = transformers.AutoConfig.from_pretrained(str(source), local_files_only=True)
    for name, size in SIZES.items():
        if isinstance(getattr(config, name, None), type(size)):
            setattr(config, name, size)
    kind: Any = getattr(transformers, config.architectures[0])
    torch.manual_seed(0)
    model = kind(config)
    with safe_open(source / "model.safetensors", framework="pt") as weights:
        model.to(weights.get_tensor(next(iter(weights.keys()))).dtype)
    model.save_pretrained(target)
    for path in source.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors" and path != source / "config.json":
            place = target / path.relative_to(source)
            place.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, place)


if __name__ == "__main__":
    make(Path(sys.argv[1]), Path(sys.argv[2]))
