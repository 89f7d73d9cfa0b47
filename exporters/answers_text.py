"""What torch models answer to texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, max_tokens, recorded_tokens

__all__ = ["TEXT_ANSWERERS"]


def _text_encoder(task: str, output: str) -> MakeAnswerer:
    """Answers of a text encoder: one output, by the attribute's name, for a text or a pair of texts."""

    def make(model: Any, source: Path, samples: int) -> Answerer:
        tokenizer = load_tokenizer(source, task)
        limit = max_tokens(tokenizer, model.config)

        def answer(sample: Any) -> Answer:
            pair = [sample] if isinstance(sample, str) else [sample["text"], sample["text_pair"]]
            inputs = tokenizer(*pair, return_tensors="pt", truncation=True, max_length=limit)
            return Answer({output: as_numpy(model(**inputs)[output])})

        return answer

    return make


def _text_generation(model: Any, source: Path, samples: int) -> Answerer:
    tokenizer = load_tokenizer(source, "text-generation")
    limit = min(max_tokens(tokenizer, model.config), recorded_tokens(model.config, samples))

    def answer(sample: Any) -> Answer:
        inputs = tokenizer(sample, return_tensors="pt", truncation=True, max_length=limit)
        logits = model(input_ids=inputs.input_ids, attention_mask=inputs.attention_mask).logits
        return Answer({"logits": as_numpy(logits)}, {"token_ids": inputs.input_ids[0].tolist()})

    return answer


# Export task without its "-with-past" → what answers its samples.
TEXT_ANSWERERS: dict[str, MakeAnswerer] = {
    "feature-extraction": _text_encoder("feature-extraction", "last_hidden_state"),
    "text-classification": _text_encoder("text-classification", "logits"),
    "token-classification": _text_encoder("token-classification", "logits"),
    "text-generation": _text_generation,
}
