"""Real text models and transformers' answers: ``text_real.py FOLDER HUB TEXTS_JSON NAME…``.

    FOLDER/NAME/              the snapshot's files, but for its weights, and onnx/model.onnx
    FOLDER/answers.json       {NAME: {"task", "cases": [{"input", "params", "answer"}]}}
    FOLDER/vectors.npz        "minilm/number of the case" → vectors; "similarity" float32 [texts, texts]

Sentences: the bare model, the mean of its last hidden states over the attention mask, scaled to length 1; cut at the
256 tokens of sentence_bert_config.json.
"""

from __future__ import annotations

import json
import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from optimum.exporters.onnx import main_export

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from text_cases import LONG, PAIRS, STRATEGIES, TEXTS

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")

MODELS = {
    "minilm": ("models--sentence-transformers--all-MiniLM-L6-v2", "feature-extraction"),
    "rampart": ("models--nationaldesignstudio--rampart", "token-classification"),
    "reranker": ("models--cross-encoder--ms-marco-MiniLM-L12-v2", "text-classification"),
}
SENTENCE_TOKENS = 256
POSITIONS = 512


def export(snapshot: Path, folder: Path, task: str) -> None:
    main_export(snapshot, folder / "onnx", task=task, do_validation=False, library_name="transformers")
    for path in snapshot.rglob("*"):
        if path.is_file() and path.suffix != ".safetensors":
            target = folder / path.relative_to(snapshot)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)


def sentence_vectors(snapshot: Path, texts: list[str]) -> np.ndarray:
    tokenizer = transformers.AutoTokenizer.from_pretrained(snapshot)
    model = transformers.AutoModel.from_pretrained(snapshot).eval()
    vectors = []
    for text in texts:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=SENTENCE_TOKENS)
        with torch.no_grad():
            hidden = model(**inputs).last_hidden_state
        mask = inputs.attention_mask.unsqueeze(-1).float()
        mean = (hidden * mask).sum(1) / mask.sum(1).clamp(min=1e-9)
        vectors.append(torch.nn.functional.normalize(mean, dim=1)[0].numpy())
    return np.stack(vectors)


def main(folder: Path, hub: Path, texts_file: Path, names: list[str]) -> None:
    samples = json.loads(texts_file.read_text("utf-8"))
    answers: dict[str, Any] = {}
    arrays: dict[str, np.ndarray] = {}
    for name in names:
        repository, task = MODELS[name]
        (snapshot,) = (hub / repository / "snapshots").iterdir()
        export(snapshot, folder / name, task)
        pipe = transformers.pipeline(task, str(snapshot), device="cpu")
        pipe.tokenizer.model_max_length = min(pipe.tokenizer.model_max_length, POSITIONS)
        rows: list[tuple[Any, dict[str, Any], Any]] = []
        if task == "feature-extraction":
            texts = [*samples["sentences"], *TEXTS, LONG * 2]
            vectors = sentence_vectors(snapshot, texts)
            for text, vector in zip(texts, vectors, strict=True):
                arrays[f"{name}/{len(rows)}"] = np.array(pipe(text, truncation=True)[0], np.float32)
                rows.append((text, {"pooling": "none"}, None))
                arrays[f"{name}/{len(rows)}"] = vector[None]
                rows.append((text, {"pooling": "model"}, None))
            unit = vectors[: len(samples["sentences"])]
            arrays["similarity"] = unit @ unit.T
        elif task == "token-classification":
            for strategy in STRATEGIES:
                for text in [*samples["entities"], *TEXTS, LONG * 2]:
                    params = {"aggregation_strategy": strategy}
                    rows.append((text, params, pipe(text, **params)))
        else:
            for item in [*samples["sentences"], *samples["pairs"]]:
                rows.append((item, {}, pipe(item, top_k=None, truncation=True)))
            for text, pair in PAIRS:
                item = {"text": text, "text_pair": pair}
                rows.append(
                    (
                        item,
                        {"function_to_apply": "none"},
                        pipe(item, top_k=None, truncation=True, function_to_apply="none"),
                    )
                )
        cases = [{"input": item, "params": params, "answer": answer} for item, params, answer in rows]
        answers[name] = {"task": task, "cases": cases}
    (folder / "answers.json").write_text(json.dumps(answers, default=float), "utf-8")
    np.savez(folder / "vectors.npz", **arrays)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])
