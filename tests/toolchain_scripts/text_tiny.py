"""Tiny text models of every family and transformers' answers: ``text_tiny.py FOLDER TEXTS_JSON``.

    FOLDER/NAME/              checkpoint, tokenizer and onnx/model.onnx
    FOLDER/answers.json       {NAME: {"task", "cases": [{"input", "params", "answer"}]}}
    FOLDER/vectors.npz        "NAME/number of the case" → float32 [tokens, hidden]

Tokenizers are trained on the sample texts; weights are seeded, and spread wide enough that answers differ and the best
label wins by a margin.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from text_cases import PAIRS, STRATEGIES, TEXTS

transformers.logging.set_verbosity_error()
warnings.simplefilter("ignore")

SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
POSITIONS = 64
VOCABULARY = 700
ENTITIES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC", "ORG")
MARGIN = 1e-3
SEEDS = 60


def word_pieces(texts: list[str], *, lowercase: bool) -> Tokenizer:
    """As BERT's."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", tokenizer.token_to_id("[CLS]")), ("[SEP]", tokenizer.token_to_id("[SEP]"))],
    )
    return tokenizer


def byte_pairs(texts: list[str]) -> Tokenizer:
    """As RoBERTa's."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=special, initial_alphabet=alphabet)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), add_prefix_space=False)
    return tokenizer


def unigrams(texts: list[str], special: list[str], first: str, last: str, pair: str) -> Tokenizer:
    """As those that were made with SentencePiece."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    unknown = next(token for token in special if "unk" in token.lower())
    trainer = trainers.UnigramTrainer(vocab_size=VOCABULARY, special_tokens=special, unk_token=unknown)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.decoder = decoders.Metaspace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=pair,
        special_tokens=[(token, tokenizer.token_to_id(token)) for token in (first, last)],
    )
    return tokenizer


BERT_LIKE = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
ROBERTA_LIKE = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]


def tokenizers(texts: list[str]) -> dict[str, transformers.PreTrainedTokenizerFast]:
    lower, cased, pairs = word_pieces(texts, lowercase=True), word_pieces(texts, lowercase=False), byte_pairs(texts)
    bert_pair, roberta_pair = "[CLS] $A [SEP] $B:1 [SEP]:1", "<s> $A </s> </s> $B </s>"
    of_bert = unigrams(texts, BERT_LIKE, "[CLS]", "[SEP]", bert_pair)
    of_roberta = unigrams(texts, ROBERTA_LIKE, "<s>", "</s>", roberta_pair)
    mpnet = word_pieces(texts, lowercase=True)
    mpnet.add_special_tokens([AddedToken(token) for token in ROBERTA_LIKE])
    mpnet.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>",
        pair=roberta_pair,
        special_tokens=[(token, mpnet.token_to_id(token)) for token in ("<s>", "</s>")],
    )
    t = transformers
    return {
        "bert": t.BertTokenizerFast(tokenizer_object=lower, model_max_length=48),
        # The settings say other than tokenizer.json, and win.
        "bert-cased": t.BertTokenizerFast(tokenizer_object=lower, model_max_length=48, do_lower_case=False),
        "bert-accents": t.BertTokenizerFast(tokenizer_object=cased, model_max_length=48, strip_accents=False),
        "distilbert": t.DistilBertTokenizerFast(tokenizer_object=lower, model_max_length=48),
        "electra": t.ElectraTokenizerFast(tokenizer_object=lower, model_max_length=48),
        "roberta": t.RobertaTokenizerFast(tokenizer_object=pairs),
        "roberta-spaced": t.RobertaTokenizerFast(tokenizer_object=pairs, add_prefix_space=True, model_max_length=48),
        "roberta-left": t.RobertaTokenizerFast(tokenizer_object=pairs, model_max_length=31, truncation_side="left"),
        "mpnet": t.MPNetTokenizerFast(tokenizer_object=mpnet, model_max_length=48),
        "albert": t.AlbertTokenizerFast(tokenizer_object=of_bert, model_max_length=48),
        "deberta-v2": t.DebertaV2TokenizerFast(tokenizer_object=of_bert),
        "xlm-roberta": t.XLMRobertaTokenizerFast(tokenizer_object=of_roberta, model_max_length=48),
    }


def config_of(family: str, tokenizer: Any, **head: Any) -> transformers.PretrainedConfig:
    common: dict[str, Any] = {"vocab_size": len(tokenizer), "pad_token_id": tokenizer.pad_token_id} | head
    t = transformers
    if family == "distilbert":
        return t.DistilBertConfig(
            **common, dim=32, n_layers=2, n_heads=4, hidden_dim=64, max_position_embeddings=POSITIONS
        )
    positions = POSITIONS + 2 if family in ("roberta", "xlm-roberta", "mpnet") else POSITIONS
    classes = {
        "bert": t.BertConfig,
        "electra": t.ElectraConfig,
        "roberta": t.RobertaConfig,
        "mpnet": t.MPNetConfig,
        "albert": t.AlbertConfig,
        "deberta-v2": t.DebertaV2Config,
        "xlm-roberta": t.XLMRobertaConfig,
    }
    extra: dict[str, Any] = {"embedding_size": 16} if family in ("albert", "electra") else {}
    if family == "deberta-v2":
        extra = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
    return classes[family](**common, **SMALL, **extra, max_position_embeddings=positions)


# Name → tokenizer, family, task, what the head is.
MODELS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    **{
        f"{name}-features": (name, name, "feature-extraction", {})
        for name in ("bert", "distilbert", "electra", "roberta", "mpnet", "albert", "deberta-v2", "xlm-roberta")
    },
    "bert-cased-features": ("bert-cased", "bert", "feature-extraction", {}),
    "bert-accents-features": ("bert-accents", "bert", "feature-extraction", {}),
    "bert-classes": ("bert", "bert", "text-classification", {"num_labels": 3}),
    "distilbert-classes": ("distilbert", "distilbert", "text-classification", {"num_labels": 1}),
    "roberta-classes": (
        "roberta",
        "roberta",
        "text-classification",
        {"num_labels": 4, "problem_type": "multi_label_classification"},
    ),
    "roberta-left-classes": ("roberta-left", "roberta", "text-classification", {"num_labels": 3}),
    "mpnet-classes": ("mpnet", "mpnet", "text-classification", {"num_labels": 2}),
    "electra-classes": (
        "electra",
        "electra",
        "text-classification",
        {"num_labels": 1, "problem_type": "regression"},
    ),
    "deberta-v2-classes": ("deberta-v2", "deberta-v2", "text-classification", {"num_labels": 3}),
    "xlm-roberta-classes": ("xlm-roberta", "xlm-roberta", "text-classification", {"num_labels": 3}),
    **{
        f"{name}-tokens": (name, family, "token-classification", {"id2label": dict(enumerate(ENTITIES))})
        for name, family in (
            ("bert", "bert"),
            ("bert-cased", "bert"),
            ("roberta", "roberta"),
            ("roberta-spaced", "roberta"),
            ("deberta-v2", "deberta-v2"),
            ("xlm-roberta", "xlm-roberta"),
            ("albert", "albert"),
        )
    },
}
AUTO = {
    "feature-extraction": transformers.AutoModel,
    "text-classification": transformers.AutoModelForSequenceClassification,
    "token-classification": transformers.AutoModelForTokenClassification,
}


def make(name: str, tokenizer: Any, folder: Path) -> None:
    """The first seed whose answers are clear."""
    _, family, task, head = MODELS[name]
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        model = AUTO[task].from_config(config_of(family, tokenizer, **head)).eval()
        with torch.no_grad():
            for key, weight in model.named_parameters():
                if weight.dim() > 1:
                    weight.mul_(60 if key.startswith("classifier") else 6)
        if task == "feature-extraction" or margin(model, tokenizer) > MARGIN:
            model.save_pretrained(folder)
            tokenizer.save_pretrained(folder)
            store_settings(folder / "tokenizer.json", tokenizer)
            return
    raise SystemExit(f"{name}: no seed gives clear answers")


def store_settings(file: Path, tokenizer: Any) -> None:
    """Truncation and padding as some files carry them, and the opposite of what tokenizer_config.json says: all of it
    must not count."""
    document = json.loads(file.read_text("utf-8"))
    document["truncation"] = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}
    document["padding"] = {
        "strategy": {"Fixed": 24},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": tokenizer.pad_token_id,
        "pad_type_id": 0,
        "pad_token": tokenizer.pad_token,
    }
    # MPNet's class is the one that leaves Chinese characters as they are stored.
    kept = "handle_chinese_chars" if isinstance(tokenizer, transformers.MPNetTokenizerFast) else ""
    for part in ("normalizer", "pre_tokenizer", "post_processor"):
        stored = document[part] or {}
        for key in {"lowercase", "handle_chinese_chars", "add_prefix_space", "trim_offsets"} & stored.keys() - {kept}:
            stored[key] = not stored[key]
    file.write_text(json.dumps(document), "utf-8")


def margin(model: Any, tokenizer: Any) -> float:
    """The smallest lead of a best class: rounding must not be able to change an answer."""
    gaps = [1.0]
    for text in TEXTS:
        inputs = tokenizer(text, return_tensors="pt", truncation=True, max_length=longest(tokenizer))
        with torch.no_grad():
            scores = model(**inputs).logits.softmax(-1)
        if scores.shape[-1] > 1:
            best = scores.topk(2).values
            gaps.append(float((best[..., 0] - best[..., 1]).min()))
    return min(gaps)


def longest(tokenizer: Any) -> int:
    return min(tokenizer.model_max_length, POSITIONS)


def export(folder: Path, task: str) -> None:
    from optimum.exporters.onnx import main_export

    main_export(folder, folder / "onnx", task=task, do_validation=False, library_name="transformers")


def cases(task: str, pipe: Any) -> Iterator[tuple[Any, dict[str, Any], Any]]:
    """Input, parameters and transformers' answer."""
    if task == "feature-extraction":
        for text in TEXTS:
            yield text, {"pooling": "none"}, np.array(pipe(text, truncation=True)[0], np.float32)
    elif task == "text-classification":
        for text in TEXTS:
            yield text, {}, pipe(text, top_k=None, truncation=True)
        for text, pair in PAIRS:
            item = {"text": text, "text_pair": pair}
            yield item, {}, pipe(item, top_k=None, truncation=True)
        for function in ("softmax", "sigmoid", "none"):
            answer = pipe(TEXTS[0], top_k=2, function_to_apply=function)
            yield TEXTS[0], {"top_k": 2, "function_to_apply": function}, answer
    else:
        for strategy in STRATEGIES:
            for text in TEXTS:
                yield text, {"aggregation_strategy": strategy}, pipe(text, aggregation_strategy=strategy)


def main(folder: Path, texts_file: Path) -> None:
    samples = json.loads(texts_file.read_text("utf-8"))
    made = tokenizers([*samples["sentences"], *samples["entities"], *samples["prompts"], *TEXTS])
    answers: dict[str, Any] = {}
    vectors: dict[str, np.ndarray] = {}
    for name, (tokenizer, family, task, _) in MODELS.items():
        model_folder = folder / name
        make(name, made[tokenizer], model_folder)
        export(model_folder, task)
        pipe = transformers.pipeline(task, str(model_folder), device="cpu")
        pipe.tokenizer.model_max_length = longest(pipe.tokenizer)
        rows = []
        for number, (item, params, answer) in enumerate(cases(task, pipe)):
            if isinstance(answer, np.ndarray):
                vectors[f"{name}/{number}"] = answer
                answer = None
            rows.append({"input": item, "params": params, "answer": answer})
        answers[name] = {"task": task, "family": family, "cases": rows}
    (folder / "answers.json").write_text(json.dumps(answers, default=float), "utf-8")
    np.savez(folder / "vectors.npz", **vectors)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
