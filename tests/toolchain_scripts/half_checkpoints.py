"""``half_checkpoints.py OUT``: seeded checkpoints in half precision, read by the exporter and by transformers.

``found.json`` has a row for each: whether the exporter read it by itself, and what differs from what transformers made
of it in float32: weights, buffers, the config, what generation goes by.

Run by the toolchain's Python.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import torch
import transformers
from safetensors.torch import load_file, save_file

from exporters import checkpoint
from exporters.protocol import ExportRequest

SIZES = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "vocab_size": 300}
LLAMA = {**SIZES, "num_hidden_layers": 3}
BERT = {**SIZES, "num_hidden_layers": 2}


def save(folder: Path, kind: str, config: Any, dtype: Any, **words: Any) -> Path:
    torch.manual_seed(0)
    model = getattr(transformers, kind)(config).to(dtype)
    model.save_pretrained(folder, **words)
    return folder


def make(out: Path) -> dict[str, tuple[Path, str]]:
    """Folders by what they are, each with its export task."""
    tied = transformers.LlamaConfig(**LLAMA, tie_word_embeddings=True)
    untied = transformers.LlamaConfig(**LLAMA, tie_word_embeddings=False)
    bert = transformers.BertConfig(**BERT)
    writes, reads = "text-generation-with-past", "feature-extraction"
    made = {
        "tied": (save(out / "tied", "LlamaForCausalLM", tied, torch.bfloat16), writes),
        "sharded": (save(out / "sharded", "LlamaForCausalLM", untied, torch.float16, max_shard_size="50KB"), writes),
        "base": (save(out / "base", "BertModel", bert, torch.float16), reads),
        # Of a model for another task the base is wanted.
        "prefixed": (save(out / "prefixed", "BertForSequenceClassification", bert, torch.float16), reads),
        "whole": (save(out / "whole", "BertModel", bert, torch.float32), reads),
        "eighths": (save(out / "eighths", "BertModel", bert, torch.float16), reads),
    }
    (out / "tied/generation_config.json").write_text('{"temperature": 0.25, "do_sample": true}', "utf-8")
    weights = load_file(out / "eighths/model.safetensors")
    name = next(iter(weights))
    save_file(weights | {"other": weights[name].to(torch.float8_e4m3fn)}, out / "eighths/model.safetensors")
    save_file(load_file(out / "base/model.safetensors"), out / "base/model.safetensors")  # no word of its format
    return made


def differing(ours: Any, theirs: Any) -> list[str]:
    found = []
    for kind in ("state_dict", "named_buffers"):
        mine, others = (dict(getattr(model, kind)()) for model in (ours, theirs))
        found += sorted(mine.keys() ^ others.keys())
        found += [name for name in mine.keys() & others.keys() if mine[name].dtype != others[name].dtype]
        found += [name for name in mine.keys() & others.keys() if not torch.equal(mine[name], others[name])]
    found += ["config"] if ours.config.to_dict() != theirs.config.to_dict() else []
    if ours.can_generate() and ours.generation_config.to_dict() != theirs.generation_config.to_dict():
        found.append("generation_config")
    shared = [len({item.data_ptr() for item in model.parameters()}) for model in (ours, theirs)]
    return found + (["ties"] if shared[0] != shared[1] else [])


def main(out: Path) -> None:
    found = {}
    widen, read = checkpoint._widened, []

    def noted(files: list[Path]) -> Any:
        read.append(files)
        return widen(files)

    checkpoint._widened = noted
    for name, (folder, export_task) in make(out).items():
        read.clear()
        ours = checkpoint.load_model(folder, ExportRequest(str(folder), str(out), "any", export_task, ["fp32"]))
        theirs = type(ours).from_pretrained(folder, dtype=torch.float32, local_files_only=True).eval()
        found[name] = {"read": bool(read), "differing": differing(ours, theirs)}
    (out / "found.json").write_text(json.dumps(found), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
