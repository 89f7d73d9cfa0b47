"""What torch models answer to texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, max_tokens, recorded_tokens

__all__ = ["TEXT_ANSWERERS"]

# How much is written for each sample; workbench/tasks/catalog_text.py verifies with the same number.
WRITTEN_TOKENS = 48


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


def _text_to_text(task: str) -> MakeAnswerer:
    """What transformers' pipeline of this name writes, and the logits when the first tokens of it are fed back in."""

    def make(model: Any, source: Path, samples: int) -> Answerer:
        from transformers import pipeline

        tokenizer = load_tokenizer(source, task)
        limit = max_tokens(tokenizer, model.config)
        write = pipeline(task, model=model, tokenizer=tokenizer, device="cpu")
        recorded = recorded_tokens(model.config, samples)

        def answer(sample: Any) -> Answer:
            text = (write.prefix or "") + sample
            inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
            inputs.pop("token_type_ids", None)
            generated = model.generate(
                **inputs, generation_config=write.generation_config, max_new_tokens=WRITTEN_TOKENS, do_sample=False
            )
            tokens = generated[:1, :recorded]
            said = tokenizer.decode(generated[0], skip_special_tokens=True, clean_up_tokenization_spaces=False)
            encoded = model.get_encoder()(**inputs)
            logits = model(
                attention_mask=inputs.attention_mask, encoder_outputs=encoded, decoder_input_ids=tokens
            ).logits
            return Answer(
                {
                    "encoder.last_hidden_state": as_numpy(encoded.last_hidden_state),
                    "decoder.logits": as_numpy(logits),
                },
                {"text": said, "token_ids": tokens[0].tolist()},
            )

        return answer

    return make


# Task, or export task without its "-with-past" → what answers its samples.
TEXT_ANSWERERS: dict[str, MakeAnswerer] = {
    "feature-extraction": _text_encoder("feature-extraction", "last_hidden_state"),
    "text-classification": _text_encoder("text-classification", "logits"),
    "token-classification": _text_encoder("token-classification", "logits"),
    "text-generation": _text_generation,
    "text2text-generation": _text_to_text("text2text-generation"),
    "summarization": _text_to_text("summarization"),
    "translation": _text_to_text("translation"),
}
