"""What torch models answer to texts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from exporters.answers import Answer, Answerer, MakeAnswerer, as_numpy, load_tokenizer, max_tokens, recorded_tokens
from exporters.failure import ExportFailure

__all__ = ["TEXT_ANSWERERS"]

# As the engine reads a question and its context where nothing else is asked for.
MAX_SEQ_LEN, DOC_STRIDE = 384, 128

# How much of a text a language model is asked to go on from, token by token.
READ_TOKENS = 256

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
    """Logits of the first tokens; for all of them, which would come next, and how likely the one is that does."""
    tokenizer = load_tokenizer(source, "text-generation")
    limit = min(max_tokens(tokenizer, model.config), READ_TOKENS)
    recorded = recorded_tokens(model.config, samples)

    def answer(sample: Any) -> Answer:
        inputs = tokenizer(sample, return_tensors="pt", truncation=True, max_length=limit)
        ids = inputs.input_ids
        logits = model(input_ids=ids, attention_mask=inputs.attention_mask).logits
        likely = logits[0, :-1].double().log_softmax(-1).gather(-1, ids[0, 1:, None])[:, 0]
        said = {
            "token_ids": ids[0].tolist(),
            "next_tokens": logits[0].argmax(-1).tolist(),
            "log_likelihoods": [round(value, 6) for value in likely.tolist()],
        }
        return Answer({"logits": as_numpy(logits[:, :recorded])}, said)

    return answer


def _text_pairs(task: str, fields: tuple[str, str], cut: str, template: str = "{}") -> MakeAnswerer:
    """Logits [pairs, classes] of a text with each of several others put into ``template``, each pair by itself."""

    def make(model: Any, source: Path, samples: int) -> Answerer:
        tokenizer = load_tokenizer(source, task)
        limit = max_tokens(tokenizer, model.config)

        def answer(sample: Any) -> Answer:
            text, others = (sample[name] for name in fields)
            logits = []
            for other in others:
                other = template.format(other)
                inputs = tokenizer(text, other, return_tensors="pt", truncation=cut, max_length=limit)
                logits.append(as_numpy(model(**inputs).logits))
            return Answer({"logits": np.concatenate(logits)})

        return answer

    return make


def _question_answering(model: Any, source: Path, samples: int) -> Answerer:
    """Logits [tokens of all stretches of the context], in stretches as transformers' pipeline makes them."""
    tokenizer = load_tokenizer(source, "question-answering")
    limit = min(max_tokens(tokenizer, model.config), MAX_SEQ_LEN)
    last = tokenizer.padding_side == "left"

    def answer(sample: Any) -> Answer:
        texts = [sample["question"], sample["context"]]
        windows = tokenizer(
            *(reversed(texts) if last else texts),
            truncation="only_first" if last else "only_second",
            max_length=limit,
            stride=min(limit // 2, DOC_STRIDE),
            return_overflowing_tokens=True,
        )
        found: dict[str, list[Any]] = {"start_logits": [], "end_logits": []}
        for number in range(len(windows["input_ids"])):
            inputs = {name: _row(windows[name][number]) for name in tokenizer.model_input_names if name in windows}
            outputs = model(**inputs)
            for name, rows in found.items():
                rows.append(as_numpy(outputs[name])[0])
        return Answer({name: np.concatenate(rows) for name, rows in found.items()})

    return answer


def _fill_mask(model: Any, source: Path, samples: int) -> Answerer:
    """Logits [masks, vocabulary]. A sample says [MASK], whatever the model's own mask is."""
    tokenizer = load_tokenizer(source, "fill-mask")
    if tokenizer.mask_token is None:
        raise ExportFailure("export-no-inputs", task="fill-mask", reason="the tokenizer has no mask_token")
    limit = max_tokens(tokenizer, model.config)

    def answer(sample: Any) -> Answer:
        text = sample.replace("[MASK]", tokenizer.mask_token)
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=limit)
        masks = inputs.input_ids[0] == tokenizer.mask_token_id
        return Answer({"logits": as_numpy(model(**inputs).logits[0, masks])})

    return answer


def _row(values: list[int]) -> Any:
    import torch

    return torch.tensor([values])


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
    "zero-shot-classification": _text_pairs(
        "zero-shot-classification", ("text", "candidate_labels"), "only_first", "This example is {}."
    ),
    "text-ranking": _text_pairs("text-ranking", ("query", "texts"), "longest_first"),
    "question-answering": _question_answering,
    "fill-mask": _fill_mask,
    "text-generation": _text_generation,
    "text2text-generation": _text_to_text("text2text-generation"),
    "summarization": _text_to_text("summarization"),
    "translation": _text_to_text("translation"),
}
