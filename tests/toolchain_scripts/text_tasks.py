"""Tiny models for tasks beyond classes and vectors, and the references' answers:
``text_tasks.py FOLDER TEXTS_JSON NAME…``.

    FOLDER/NAME/              checkpoint, tokenizer and onnx/model.onnx
    FOLDER/answers.json       {NAME: {"task", "family", "cases": [{"input", "params", "answer"}]}}

The references are transformers' pipelines; of text-ranking, the bare model's logit for each pair. Seeds are taken that
leave a gap between neighbouring scores, so that rounding cannot change an order.
"""

from __future__ import annotations

import itertools
import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import AddedToken, decoders, models, pre_tokenizers, processors, trainers
from tokenizers import Tokenizer as RawTokenizer

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from text_cases import LONG, PAIRS, TEXTS
from text_tiny import BERT_LIKE, POSITIONS, SMALL, VOCABULARY, config_of, longest, store_settings, tokenizers

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")

# Neighbouring scores, and the best from the next, are at least so far apart.
GAP, LEAD = 2e-7, 1e-5
SEEDS = 80
# Seeds that were found once, tried first: of some models only one in forty is clear enough.
KNOWN_SEEDS: dict[str, tuple[int, ...]] = {}
NLI = {
    "three": {0: "contradiction", 1: "neutral", 2: "entailment"},
    "first": {0: "ENTAILMENT", 1: "neutral", 2: "contradiction"},
    "two": {0: "entailment", 1: "not_entailment"},
}
# Name → tokenizer, family, task, what the head is.
MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    **{
        f"{name}-answers": (name, name, "question-answering", {})
        for name in ("bert", "distilbert", "electra", "roberta", "deberta-v2", "xlm-roberta", "albert")
    },
    "bert-cased-answers": ("bert-cased", "bert", "question-answering", {}),
    **{
        f"{name}-fills": (name, name, "fill-mask", {})
        for name in ("bert", "distilbert", "electra", "roberta", "deberta-v2", "xlm-roberta", "modernbert")
    },
    **{
        f"{name}-entails": (
            name,
            name,
            "zero-shot-classification",
            {"id2label": NLI[kind], "label2id": {b: a for a, b in NLI[kind].items()}},
        )
        for name, kind in (
            ("bert", "three"),
            ("distilbert", "first"),
            ("roberta", "three"),
            ("deberta-v2", "two"),
            ("modernbert", "three"),
            ("bart", "three"),
        )
    },
    **{
        f"{name}-ranks": (name, name, "text-ranking", {"num_labels": 1})
        for name in ("bert", "electra", "roberta", "xlm-roberta", "modernbert", "deberta-v2")
    },
}
AUTO = {
    "question-answering": transformers.AutoModelForQuestionAnswering,
    "fill-mask": transformers.AutoModelForMaskedLM,
    "zero-shot-classification": transformers.AutoModelForSequenceClassification,
    "text-ranking": transformers.AutoModelForSequenceClassification,
}
HEADS = ("classifier", "qa_outputs", "classification_head")
QUESTIONS = ("Where does Maria work?", "谁", "Zoë 👋?", "how long does the battery last?")
CONTEXTS = (TEXTS[0], TEXTS[1], TEXTS[4], TEXTS[5], TEXTS[6], TEXTS[7], TEXTS[8], TEXTS[13], LONG[:900])
LABELS = ("travel", "cooking", "phones and batteries", "天气", "Zoë's 👋")


def modern(texts: list[str]) -> transformers.PreTrainedTokenizerFast:
    """Pairs of bytes as ModernBERT has them, between BERT's special tokens; its mask takes the space before it."""
    tokenizer = RawTokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=BERT_LIKE, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"unk_token": "[UNK]", "sep_token": "[SEP]", "pad_token": "[PAD]", "cls_token": "[CLS]"}
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        mask_token=AddedToken("[MASK]", lstrip=True),
        model_input_names=["input_ids", "attention_mask"],
        clean_up_tokenization_spaces=True,
        model_max_length=48,
        **names,
    )


def config(family: str, tokenizer: Any, head: dict[str, Any]) -> Any:
    tokens = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id}
    if family == "modernbert":
        ends = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
        positions = {"max_position_embeddings": POSITIONS, "local_attention": 16, "global_attn_every_n_layers": 2}
        return transformers.ModernBertConfig(
            **tokens, **ends, **SMALL, **positions, **head, attn_implementation="eager", reference_compile=False,
            bos_token_id=tokenizer.cls_token_id, eos_token_id=tokenizer.sep_token_id,
        )  # fmt: skip
    if family == "bart":
        layers = {f"{part}_{what}": count for part in ("encoder", "decoder") for what, count in
                  (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))}  # fmt: skip
        return transformers.BartConfig(
            **tokens, **layers, **head, d_model=32, max_position_embeddings=POSITIONS,
            bos_token_id=0, eos_token_id=2, decoder_start_token_id=2, forced_eos_token_id=2,
        )  # fmt: skip
    return config_of(family, tokenizer, **head)


def make(name: str, tokenizer: Any, folder: Path) -> list[dict[str, Any]]:
    """The first seed whose answers are clear, exported; what the reference answers."""
    _, family, task, head = MODELS[name]
    for seed in (*KNOWN_SEEDS.get(name, ()), *range(SEEDS)):
        torch.manual_seed(seed)
        spread = 10 if family == "modernbert" else 60  # its last norm lets the head see more
        model = AUTO[task].from_config(config(family, tokenizer, head)).eval()
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if weight.dim() > 1:
                    weight.mul_(spread if key.startswith(HEADS) else 6)
        tokenizer.model_max_length = longest(tokenizer)
        rows = []
        for item, params, answer in CASES[task](model, tokenizer):
            if not clear(answer):
                break
            rows.append({"input": item, "params": params, "answer": answer})
        else:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            store_settings(folder / "tokenizer.json", tokenizer)
            print(name, "seed", seed, len(rows), flush=True)
            return rows
    raise SystemExit(f"{name}: no seed gives clear answers")


def clear(answer: Any) -> bool:
    """Whether the scores of an answer are apart."""
    if answer and isinstance(answer[0], list):
        return all(map(clear, answer))
    scores = [row["score"] for row in answer]
    gaps = [a - b for a, b in itertools.pairwise(scores)]
    return not gaps or (gaps[0] > LEAD and min(gaps) > GAP)


def answers(model: Any, tokenizer: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    pipe = transformers.pipeline("question-answering", model=model, tokenizer=tokenizer, device="cpu")
    several: list[dict[str, Any]] = [
        {},
        {"top_k": 3},
        {"handle_impossible_answer": True, "top_k": 2},
        {"max_answer_len": 4},
        {"align_to_words": False, "top_k": 2},
        {"doc_stride": 8, "max_seq_len": 44},
    ]
    for number, context in enumerate(CONTEXTS):
        for place, question in enumerate(QUESTIONS):
            for params in several if number % 4 == 0 and place % 2 == 0 else several[:1]:
                found = pipe(question=question, context=context, **params)
                # Of equal words in two places the first is told; a start behind the end is no answer.
                rows = [row for row in (found if isinstance(found, list) else [found]) if row["score"] > 0]
                yield {"question": question, "context": context}, params, rows


def fills(model: Any, tokenizer: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    pipe = transformers.pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu", top_k=5)
    mask = tokenizer.mask_token
    texts = (
        f"The battery {mask} for two days.",
        f"{mask} lasts.",
        f"Zoë ate a {mask} in São Paulo, didn't she ?",
        f"{mask} and {mask}",
        f"No {mask} , 这家小店 {mask}{mask} 👋 ' s",
        f"a [PAD] <pad> [SEP] </s> {mask}.",
        f"one {mask} " + LONG,
    )
    for text in texts:
        yield text, {}, pipe(text, tokenizer_kwargs={"truncation": True})
    yield texts[0].replace(mask, "[MASK]"), {"top_k": 2}, pipe(texts[0], top_k=2)
    yield texts[0].replace(mask, "<mask>"), {}, pipe(texts[0])
    for targets in (["days", "battery", "the"], ["Hamburg", "battery"], ["Zoë 👋", "the"]):
        yield texts[0], {"targets": targets}, pipe(texts[0], targets=targets)
        yield texts[3], {"targets": targets, "top_k": 1}, pipe(texts[3], targets=targets, top_k=1)


def entails(model: Any, tokenizer: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    pipe = transformers.pipeline("zero-shot-classification", model=model, tokenizer=tokenizer, device="cpu")
    for text in TEXTS:
        if not text.strip():
            continue
        for params in (
            {"candidate_labels": list(LABELS)},
            {"candidate_labels": list(LABELS[:3]), "multi_label": True},
            {"candidate_labels": [LABELS[1]]},
            {"candidate_labels": list(LABELS[:2]), "hypothesis_template": "{}: das ist das Thema."},
        ):
            found = pipe(text, **params)
            rows = [{"label": a, "score": b} for a, b in zip(found["labels"], found["scores"], strict=True)]
            yield text, params, rows
            if params.get("multi_label"):
                yield {"inputs": text, "parameters": params}, {}, rows


def ranks(model: Any, tokenizer: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    """The logit of each pair by itself, the highest first."""
    different = [text for text in TEXTS if text.strip()]
    of_pairs = list(dict.fromkeys(text for _, text in PAIRS))
    for query, texts in ((TEXTS[0], different), (PAIRS[0][0], of_pairs), (LONG, TEXTS[:6]), ("", TEXTS[:4])):
        logits = []
        for text in texts:
            inputs = tokenizer(query, text, return_tensors="pt", truncation=True)
            with torch.no_grad():
                logits.append(float(model(**inputs).logits[0, 0]))
        order = sorted(range(len(texts)), key=lambda index: -logits[index])
        rows = [{"index": index, "score": logits[index], "text": texts[index]} for index in order]
        yield {"query": query, "texts": list(texts)}, {}, rows
        likely = [row | {"score": float(torch.tensor(row["score"]).sigmoid())} for row in rows[:2]]
        yield {"query": query, "texts": list(texts)}, {"top_k": 2, "function_to_apply": "sigmoid"}, likely


CASES = {
    "question-answering": answers,
    "fill-mask": fills,
    "zero-shot-classification": entails,
    "text-ranking": ranks,
}


def export(folder: Path, task: str) -> None:
    from optimum.exporters.onnx import main_export

    task = {"text-ranking": "text-classification", "zero-shot-classification": "text-classification"}.get(task, task)
    main_export(folder, folder / "onnx", task=task, do_validation=False, library_name="transformers")


def main(folder: Path, texts_file: Path, *names: str) -> None:
    samples = json.loads(texts_file.read_text("utf-8"))
    texts = [*samples["sentences"], *samples["entities"], *samples["prompts"], *TEXTS]
    made = tokenizers(texts)
    made["modernbert"] = modern(texts)
    pairs = made["roberta"].backend_tokenizer
    made["bart"] = transformers.BartTokenizerFast(tokenizer_object=pairs, model_max_length=48)
    found: dict[str, Any] = {}
    for name in names:
        tokenizer, family, task, _ = MODELS[name]
        rows = make(name, made[tokenizer], folder / name)
        export(folder / name, task)
        found[name] = {"task": task, "family": family, "cases": rows}
    (folder / "answers.json").write_text(json.dumps(found, default=float), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), *sys.argv[3:])
