"""``generation_engines.py KIND FILE THREADS``: one engine that makes text, in a process of its own, asked by lines.

Each line on stdin is a JSON object ``{"prompt": [token, …], "new": n}``; each answer is one on stdout: seconds to the
first new token, seconds from there to the last, and the most memory the process has had, in MB. The end of a text does
not count. KIND is ours, llama (a GGUF file), genai (an ONNX file) or torch (a snapshot's folder); each Python has the
packages of its kind only.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

# The new tokens, one by one, behind the tokens of a prompt.
Engine = Callable[[Sequence[int], int], Iterator[int]]


def ours(file: Path, threads: int) -> Engine:
    from workbench.runtime.generate import generate, language_decoder, likeliest
    from workbench.runtime.session import Session, SessionOptions
    from workbench.tasks.base import Run

    decoder = language_decoder(Session(file, SessionOptions("cpu", threads=threads)))

    def write(prompt: Sequence[int], new: int) -> Iterator[int]:
        length = len(prompt) + new
        return generate(decoder.start(), prompt, stop=frozenset(), max_length=length, choose=likeliest(), run=Run())

    return write


def llama(file: Path, threads: int) -> Engine:
    from llama_cpp import Llama

    model = Llama(str(file), n_ctx=1024, n_threads=threads, n_threads_batch=threads, n_batch=512, verbose=False)

    def write(prompt: Sequence[int], new: int) -> Iterator[int]:
        model.reset()
        for number, token in enumerate(model.generate(list(prompt), temp=0.0, repeat_penalty=1.0), 1):
            yield token
            if number == new:
                return

    return write


def genai(file: Path, threads: int) -> Engine:
    import onnxruntime_genai as og

    config = json.loads((file.parents[1] / "config.json").read_text("utf-8"))
    cache = ("past_key_values.%d.key", "past_key_values.%d.value", "present.%d.key", "present.%d.value")
    decoder = {
        "session_options": {"intra_op_num_threads": threads, "provider_options": []},
        "filename": file.name,
        "head_size": config["head_dim"],
        "hidden_size": config["hidden_size"],
        "num_attention_heads": config["num_attention_heads"],
        "num_hidden_layers": config["num_hidden_layers"],
        "num_key_value_heads": config["num_key_value_heads"],
        "inputs": {
            "input_ids": "input_ids",
            "attention_mask": "attention_mask",
            "past_key_names": cache[0],
            "past_value_names": cache[1],
        },
        "outputs": {"logits": "logits", "present_key_names": cache[2], "present_value_names": cache[3]},
    }
    tokens = {"bos_token_id": 1, "eos_token_id": config["vocab_size"] - 1, "pad_token_id": 2}
    folder = Path(tempfile.mkdtemp(prefix="genai-"))
    for part in file.parent.iterdir():
        (folder / part.name).symlink_to(part)
    written = {
        "model": {**tokens, "type": "llama", "context_length": 8192, "vocab_size": config["vocab_size"]},
        "search": {"do_sample": False, "max_length": 8192, "past_present_share_buffer": True},
    }
    written["model"]["decoder"] = decoder
    (folder / "genai_config.json").write_text(json.dumps(written), "utf-8")
    model = og.Model(str(folder))

    def write(prompt: Sequence[int], new: int) -> Iterator[int]:
        settings = og.GeneratorParams(model)
        settings.set_search_options(max_length=len(prompt) + new, do_sample=False)
        generator = og.Generator(model, settings)
        generator.append_tokens(list(prompt))
        for _ in range(new):
            generator.generate_next_token()
            yield int(generator.get_next_tokens()[0])

    return write


def torch(file: Path, threads: int) -> Engine:
    import torch as library
    from transformers import AutoModelForCausalLM

    library.set_num_threads(threads)
    model = AutoModelForCausalLM.from_pretrained(file, dtype=library.float32).eval()

    @library.inference_mode()
    def write(prompt: Sequence[int], new: int) -> Iterator[int]:
        ids, past = library.tensor([list(prompt)]), None
        for _ in range(new):
            out = model(ids, past_key_values=past, use_cache=True, logits_to_keep=1)
            past, token = out.past_key_values, int(out.logits[0, -1].argmax())
            yield token
            ids = library.tensor([[token]])

    return write


KINDS: dict[str, Callable[[Path, int], Engine]] = {"ours": ours, "llama": llama, "genai": genai, "torch": torch}


def measured(write: Engine, prompt: Sequence[int], new: int) -> dict[str, Any]:
    started = time.perf_counter()
    first_s = last_s = 0.0
    for number, _ in enumerate(write(prompt, new)):
        last_s = time.perf_counter() - started
        if number == 0:
            first_s = last_s
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"first_s": first_s, "rest_s": last_s - first_s, "memory_mb": memory}


def main(kind: str, file: str, threads: str) -> None:
    answers = sys.stdout
    sys.stdout = sys.stderr  # for what libraries print
    write = KINDS[kind](Path(file), int(threads))
    print(json.dumps({"ready": True}), file=answers, flush=True)
    for line in sys.stdin:
        asked = json.loads(line)
        print(json.dumps(measured(write, asked["prompt"], asked["new"])), file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
