"""Text that a language model writes by itself, to calibrate it with where no data is at hand, as of LLM-QAT (Liu et al.
2023, "LLM-QAT: Data-Free Quantization Aware Training for Large Language Models", section 3.1).

What a model writes has the languages and the turns of talk that it was trained on, and comes with every model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["first_tokens", "write_text"]

SEED = 5


def first_tokens(model: Any, source: Path) -> list[int]:
    """What texts of a model begin with: ids that its tokenizer or its config puts there, and those that end texts, as
    documents were joined by them in training."""
    from exporters.answers import load_tokenizer

    tokenizer = load_tokenizer(source, "text-generation")
    said = [tokenizer.bos_token_id, model.config.bos_token_id, tokenizer.unk_token_id, tokenizer.eos_token_id]
    said += tokenizer("").input_ids[:1]
    vocabulary = model.get_input_embeddings().num_embeddings
    return list(dict.fromkeys(item for item in said if isinstance(item, int) and 0 <= item < vocabulary)) or [0]


def write_text(
    model: Any, starts: list[int], count: int, length: int, on_progress: Callable[[float, float, str], None]
) -> Any:
    """Token ids, a torch tensor [count, length], drawn as likely as the torch ``model`` takes them to be.

    Texts begin with one of ``starts`` each, in turns, and go on behind an end.
    """
    import torch

    # Not by transformers' generate, which takes several times as long for this.
    text = torch.tensor([[starts[number % len(starts)]] for number in range(count)])
    cache = None
    with torch.random.fork_rng(devices=[]), torch.inference_mode():
        torch.manual_seed(SEED)
        while text.shape[1] < length:
            answer = model(text[:, -1:], past_key_values=cache, use_cache=True)
            cache = answer.past_key_values
            chosen = torch.multinomial(answer.logits[:, -1].float().softmax(-1), 1)
            text = torch.cat([text, chosen], 1)
            on_progress(text.shape[1], length, "tokens")
    return text.clone()
