"""``seq2seq_text.py OUT NAME…``: tiny seeded encoder-decoder models, and what transformers' pipelines write.

Run by the toolchain's Python. Each model has a folder as an export is; ``cases.json`` holds task, text, generation
settings and answer. A case is kept only where noise on the logits does not change the answer, so that it wins by a
margin; each folder's ``reference`` is what the export worker would record.
"""

from __future__ import annotations

import copy
import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import sentencepiece
import torch
from optimum.exporters.onnx import main_export
from tokenizers import pre_tokenizers
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    BartTokenizerFast,
    GenerationConfig,
    MarianConfig,
    MarianMTModel,
    MarianTokenizer,
    MBart50TokenizerFast,
    MBartConfig,
    MBartForConditionalGeneration,
    MT5Config,
    MT5ForConditionalGeneration,
    PreTrainedModel,
    T5Config,
    T5ForConditionalGeneration,
    T5TokenizerFast,
    pipeline,
)

from exporters.model_files import ensure_tokenizer
from exporters.protocol import ExportRequest
from exporters.reference import write_reference
from tests.toolchain_scripts.recording import Noise, Silent

TEXTS = (
    "The bus to the lake leaves every hour.",
    "Grüße aus Zürich, und das Wetter ist schön 🐉",
    "",
)
DRAWS = 1
SETTINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "early": {"early_stopping": True, "max_length": 14},
    "never": {"early_stopping": "never", "length_penalty": 0.6, "max_length": 12},
    "short": {"length_penalty": -1.5, "max_length": 12},
    "long": {"length_penalty": 2.5, "max_length": 12, "min_length": 6},
    "ngrams": {"no_repeat_ngram_size": 2, "max_length": 16, "early_stopping": True},
    "encoder": {"encoder_no_repeat_ngram_size": 1, "encoder_repetition_penalty": 1.4, "max_length": 12},
    "penalty": {"repetition_penalty": 1.7, "max_length": 14, "renormalize_logits": True},
    "new": {"min_new_tokens": 4, "max_length": 9},
    "forced": {"forced_bos_token_id": 7, "forced_eos_token_id": "eos", "max_length": 10, "begin_suppress_tokens": [9]},
    "words": {"bad_words_ids": [[20], [15, 16], [10, 11, 12]], "suppress_tokens": [25, 30], "max_length": 11},
    "decay": {"exponential_decay_length_penalty": [3, 1.3], "max_length": 18, "remove_invalid_values": True},
    "ends": {"eos_token_id": ["eos", 12, 33], "max_length": 15},
}
# Of the pipelines' own kind; t5's task parameters are those of the real ones.
T5_TASKS = {
    "summarization": {
        **{"early_stopping": True, "length_penalty": 2.0, "max_length": 20, "min_length": 5},
        **{"no_repeat_ngram_size": 3, "num_beams": 4, "prefix": "summarize: "},
    },
    "translation_en_to_de": {"early_stopping": True, "max_length": 30, "num_beams": 3, "prefix": "to German: "},
    "translation_en_to_fr": {"early_stopping": True, "max_length": 30, "num_beams": 4, "prefix": "to French: "},
}


def corpus(path: Path) -> Path:
    texts = json.loads((Path(__file__).parents[2] / "assets" / "samples" / "texts.json").read_text("utf-8"))
    lines = [line for item in (*texts["sentences"], *texts["articles"]) for line in item.split(". ")]
    path.write_text("\n".join(lines), "utf-8")
    return path


def pieces(out: Path, name: str, size: int, **settings: Any) -> Path:
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus(out / "corpus.txt")),
        model_prefix=str(out / name),
        vocab_size=size,
        hard_vocab_limit=False,
        character_coverage=0.98,
        minloglevel=2,
        **settings,
    )
    return out / f"{name}.model"


SMALL = {"d_model": 32, "decoder_layers": 2, "encoder_layers": 2, "encoder_attention_heads": 4}
SMALL |= {"decoder_attention_heads": 4, "encoder_ffn_dim": 48, "decoder_ffn_dim": 48, "max_position_embeddings": 96}


def t5(out: Path, folder: Path) -> PreTrainedModel:
    spiece = pieces(out, "t5", 240, pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    tokenizer = T5TokenizerFast(str(spiece), extra_ids=10, model_max_length=64)
    tokenizer.save_pretrained(folder)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    config = T5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, task_specific_params=T5_TASKS, **sizes)
    return T5ForConditionalGeneration(config)


def mt5(out: Path, folder: Path) -> PreTrainedModel:
    spiece = pieces(out, "mt5", 400, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, byte_fallback=True)
    tokenizer = T5TokenizerFast(str(spiece), extra_ids=0)
    tokenizer.save_pretrained(folder)
    sizes = {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_heads": 4}
    config = MT5Config(vocab_size=len(tokenizer), decoder_start_token_id=0, tie_word_embeddings=False, **sizes)
    return MT5ForConditionalGeneration(config)


def bart(out: Path, folder: Path) -> PreTrainedModel:
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: n for n, token in enumerate(["<s>", "<pad>", "</s>", "<unk>", *signs, "th", "Ġth", "<mask>"])}
    (out / "vocab.json").write_text(json.dumps(vocabulary), "utf-8")
    (out / "merges.txt").write_text("#version: 0.2\nt h\nĠ th\n", "utf-8")
    BartTokenizerFast(str(out / "vocab.json"), str(out / "merges.txt"), model_max_length=90).save_pretrained(folder)
    return BartForConditionalGeneration(BartConfig(vocab_size=len(vocabulary), init_std=0.3, **SMALL))


def marian(out: Path, folder: Path) -> PreTrainedModel:
    """Two sentencepiece models over one vocabulary, which lacks some pieces of the source's."""
    source = pieces(out, "source", 160, model_type="unigram", normalization_rule_name="nmt_nfkc")
    target = pieces(out, "target", 240, model_type="bpe", normalization_rule_name="nmt_nfkc")
    words = ["</s>", "<unk>", ">>deu<<", ">>fra<<"]
    for number, path in enumerate((source, target)):
        model = sentencepiece.SentencePieceProcessor(model_file=str(path))
        found = [model.id_to_piece(n) for n in range(model.get_piece_size())]
        words += [piece for n, piece in enumerate(found) if piece[0] != "<" and (number or n % 17)]
    vocabulary = {word: n for n, word in enumerate(dict.fromkeys([*words, "🐉", "<pad>"]))}
    (out / "marian.json").write_text(json.dumps(vocabulary), "utf-8")
    tokenizer = MarianTokenizer(str(source), str(target), str(out / "marian.json"), model_max_length=90)
    tokenizer.save_pretrained(folder)
    pad = vocabulary["<pad>"]
    special = {"pad_token_id": pad, "decoder_start_token_id": pad, "eos_token_id": 0, "forced_eos_token_id": 0}
    config = MarianConfig(vocab_size=len(vocabulary), init_std=0.3, **special, **SMALL)
    model = MarianMTModel(config)
    model.generation_config.bad_words_ids = [[pad]]
    return model


def mbart(out: Path, folder: Path) -> PreTrainedModel:
    """One token for each of fifty languages."""
    spiece = pieces(out, "mbart", 240)
    tokenizer = MBart50TokenizerFast(str(spiece), src_lang="en_XX", model_max_length=90)
    tokenizer.save_pretrained(folder)
    model = MBartForConditionalGeneration(MBartConfig(vocab_size=len(tokenizer), init_std=0.3, **SMALL))
    model.generation_config.update(decoder_start_token_id=2, forced_eos_token_id=2)
    return model


MODELS = {"mbart": mbart, "t5": t5, "mt5": mt5, "bart": bart, "marian": marian}
SEEDS = {"mbart": 2, "t5": 3, "mt5": 5, "bart": 7, "marian": 11}


def make(name: str, out: Path, folder: Path) -> None:
    folder.mkdir()
    torch.manual_seed(SEEDS[name])
    model = MODELS[name](out, folder).eval()
    if name in ("t5", "mt5"):
        with torch.no_grad():  # logits so far apart that rounding decides nothing
            for key, weight in model.named_parameters():
                if "layer_norm" not in key:
                    weight.mul_(6.0 if "lm_head" in key else 1.5)
    model.save_pretrained(folder)
    ensure_tokenizer(folder, folder, "translation")


def written(write: Any, task: str, text: str) -> str:
    (answer,) = write([text])
    return str(next(iter(answer.values())))


def steady(write: Any, task: str, text: str) -> str | None:
    """The answer, where it stays what it is under noise."""
    answer = written(write, task, text)
    for seed in range(DRAWS):
        (noisy,) = write([text], logits_processor=[Noise(seed)])
        if next(iter(noisy.values())) != answer:
            return None
    return answer


def answers(name: str, folder: Path) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    own = model.generation_config.to_diff_dict()
    end = own.get("eos_token_id", model.config.eos_token_id)
    rows = []
    tasks = ["text2text-generation", "summarization", "translation"]
    tasks += ["translation_en_to_de", "translation_en_to_fr"] if name == "t5" else []
    for task in tasks:
        for kind, given in SETTINGS.items():
            if task != "text2text-generation" and kind != "plain":
                continue
            settings = {**own, "bos_token_id": 0, **json.loads(json.dumps(given).replace('"eos"', str(end)))}
            model.generation_config = GenerationConfig(**settings)
            if name == "t5":  # a pipeline takes the prefix out of the model's own config
                model.config.task_specific_params = copy.deepcopy(T5_TASKS)
            write = pipeline(task, model=model, tokenizer=tokenizer, device="cpu")
            for text in TEXTS if task == "text2text-generation" else TEXTS[:2]:
                for beams in (None, 1) if task == "text2text-generation" and text else (None,):
                    limit = {} if kind != "plain" else {"max_new_tokens": 20}
                    asked = limit | ({} if beams is None else {"num_beams": beams})
                    answer = steady(lambda texts, **more: write(texts, **asked, **more), task, text)  # noqa: B023
                    if answer is not None:
                        row = {"model": name, "task": task, "kind": kind, "text": text, "settings": settings}
                        rows.append(row | {"params": asked, "answer": answer})
    return rows


def translations(folder: Path) -> list[dict[str, Any]]:
    """Between languages that are named."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    settings, rows = model.generation_config.to_diff_dict(), []
    for source, target in (("en_XX", "de_DE"), ("fr_XX", "ru_RU")):
        for text in TEXTS[:2]:
            write = pipeline("translation", model=model, tokenizer=tokenizer, device="cpu")
            asked = {"src_lang": source, "tgt_lang": target, "max_new_tokens": 12}
            answer = steady(lambda texts, **more: write(texts, **asked, **more), "translation", text)  # noqa: B023
            if answer is not None:
                row = {"model": "mbart", "task": "translation", "kind": "languages", "text": text}
                rows.append(row | {"settings": settings, "params": asked, "answer": answer})
    return rows


def record(folder: Path, task: str) -> None:
    """Write what the export worker would, to ``reference`` in this folder."""
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, dtype=torch.float32).eval()
    request = ExportRequest(
        source=str(folder),
        output=str(folder),
        task=task,
        export_task="text2text-generation-with-past",
        precisions=("fp32",),
        samples=TEXTS,
    )
    write_reference(model, request, folder, folder, Silent())  # type: ignore[arg-type]


def spellings(folder: Path) -> list[dict[str, Any]]:
    """How the slow Marian tokenizer reads and writes."""
    tokenizer = MarianTokenizer.from_pretrained(folder)
    texts = [
        *TEXTS,
        ">>deu<< Hello  there",
        ">>xxx<<Hello",
        "  a\tb\nc ﬁne Ⅷ ",
        "漢字 🐉🐉 x🐉",
        "▁odd <unk> </s> end",
        "ä́",
    ]
    rows = []
    for text in texts:
        ids = tokenizer(text).input_ids
        rows.append({"text": text, "ids": ids, "back": tokenizer.decode(ids, skip_special_tokens=True)})
    for start in range(0, len(tokenizer) - 8, 5):
        ids = list(range(start, start + 8))
        rows.append({"ids": ids, "back": tokenizer.decode(ids, skip_special_tokens=True)})
    return rows


def main(out: Path, *names: str) -> None:
    rows: list[dict[str, Any]] = []
    for name in names:
        folder = out / name
        make(name, out, folder)
        main_export(str(folder), folder / "onnx", task="text2text-generation-with-past", do_validation=False)
        rows += translations(folder) if name == "mbart" else answers(name, folder)
        if name != "mbart":
            record(folder, "summarization" if name == "t5" else "translation")
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")
    if "marian" in names:
        (out / "spellings.json").write_text(json.dumps(spellings(out / "marian"), indent=1), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
