"""Makes a tiny seeded checkpoint: ``checkpoints.py KIND FOLDER``, run in the toolchain's Python."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import torch
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

SENTENCE = "the cat sat on a mat and saw two red birds in rain"
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SENTENCE.split()]
SMALL = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 128}
BERT = {**SMALL, "vocab_size": 2048, "max_position_embeddings": 64}


def bert_config(**changes: object) -> transformers.BertConfig:
    return transformers.BertConfig(**{**BERT, **changes})


def word_tokenizer(folder: Path, *, slow_only: bool) -> None:
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n", "utf-8")
    if slow_only:
        settings = {"tokenizer_class": "BertTokenizer", "model_max_length": 64, "do_lower_case": True}
        (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")
    else:
        transformers.BertTokenizerFast(folder / "vocab.txt", model_max_length=64).save_pretrained(folder)


def causal_tokenizer(folder: Path) -> None:
    words = Tokenizer(models.WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, unk_token="[UNK]", pad_token="[PAD]", eos_token="[SEP]", model_max_length=64
    ).save_pretrained(folder)


def pieces(folder: Path) -> None:
    """A sentencepiece model in the layout of XLM-RoBERTa, without a tokenizer.json."""
    import sentencepiece

    words = (SENTENCE + " while the children were playing football in the yard behind the school").split()
    lines = [" ".join(words[start:] + words[:start]) for start in range(len(words))]
    trained = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(lines), model_writer=trained, vocab_size=100, hard_vocab_limit=False, minloglevel=2
    )
    (folder / "sentencepiece.bpe.model").write_bytes(trained.getvalue())
    settings = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 64}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings), "utf-8")


def make(kind: str, folder: Path) -> None:
    torch.manual_seed(3)
    folder.mkdir(parents=True)
    if kind == "bert":
        transformers.BertForSequenceClassification(bert_config(num_labels=3)).save_pretrained(folder)
        word_tokenizer(folder, slow_only=False)
    elif kind == "slow-tokenizer":
        transformers.BertModel(bert_config()).save_pretrained(folder)
        word_tokenizer(folder, slow_only=True)
    elif kind == "pieces":
        config = transformers.XLMRobertaConfig(**SMALL, vocab_size=256, max_position_embeddings=70)
        transformers.XLMRobertaModel(config).save_pretrained(folder)
        pieces(folder)
    elif kind == "pickle":
        transformers.BertModel(bert_config()).save_pretrained(folder, safe_serialization=False)
        word_tokenizer(folder, slow_only=False)
    elif kind == "llama":
        config = transformers.LlamaConfig(
            **SMALL, vocab_size=2048, num_key_value_heads=2, max_position_embeddings=64, tie_word_embeddings=True
        )
        transformers.LlamaForCausalLM(config).save_pretrained(folder)
        causal_tokenizer(folder)
    elif kind == "resnet":
        config = transformers.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], num_labels=3)
        transformers.ResNetForImageClassification(config).save_pretrained(folder)
        transformers.ConvNextImageProcessor(size={"shortest_edge": 32}).save_pretrained(folder)
    elif kind == "vit":
        config = transformers.ViTConfig(**SMALL, image_size=32, patch_size=8, num_labels=3)
        transformers.ViTForImageClassification(config).save_pretrained(folder)
        transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    else:
        raise SystemExit(f"no checkpoint {kind!r}")


if __name__ == "__main__":
    make(sys.argv[1], Path(sys.argv[2]))
