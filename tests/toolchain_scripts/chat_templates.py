"""``chat_templates.py OUT [SNAPSHOT]``: what transformers makes of conversations with the templates of tests/text.

Run by the toolchain's Python. Without SNAPSHOT one folder for each template with the files of a tokenizer, in three
layouts by turns: the template in ``tokenizer_config.json``, as one of several there, or in ``chat_template.jinja``.
With it the tokenizer of that checkpoint alone, as ``real``. ``cases.json`` holds for each conversation its text and
tokens, or what was raised.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from tests.text.chat_templates import CONVERSATIONS, SPECIAL, TEMPLATES

LAYOUTS = ("config", "named", "jinja", "legacy")


def make(folder: Path, template: str, layout: str) -> None:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    letters = Tokenizer(models.BPE({sign: n for n, sign in enumerate(alphabet)}, []))
    letters.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    letters.decoder = decoders.ByteLevel()
    letters.add_special_tokens(list(SPECIAL))
    # Puts a token in front, which a chat must not get a second time.
    letters.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", letters.token_to_id("<s>"))]
    )
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=letters,
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        pad_token="</s>",
        additional_special_tokens=["<|im_start|>", "<|im_end|>"],
    )
    if layout == "jinja":
        tokenizer.chat_template = template
        tokenizer.save_pretrained(folder)
        return
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    settings = json.loads(file.read_text("utf-8"))
    named = [{"name": "rag", "template": "no"}, {"name": "default", "template": template}]
    settings["chat_template"] = named if layout == "named" else template
    if layout == "legacy":  # tokens in special_tokens_map.json, and those of the class
        for key in ("added_tokens_decoder", "bos_token", "eos_token", "pad_token", "additional_special_tokens"):
            settings.pop(key, None)
        settings["tokenizer_class"] = "LlamaTokenizerFast"
    file.write_text(json.dumps(settings), "utf-8")


def cases(name: str, folder: Path) -> list[dict[str, Any]]:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = []
    for conversation, messages in CONVERSATIONS.items():
        for prompt in (True, False):
            row: dict[str, Any] = {"template": name, "conversation": conversation, "add_generation_prompt": prompt}
            try:
                row["text"] = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=prompt)
                row["token_ids"] = tokenizer.apply_chat_template(messages, add_generation_prompt=prompt)
            except Exception as error:
                row["error"] = str(error)
            rows.append(row)
    return rows


def main(out: Path, *snapshots: Path) -> None:
    rows: list[dict[str, Any]] = []
    if snapshots:
        (out / "real").mkdir()
        for file in ("tokenizer.json", "tokenizer_config.json", "config.json"):
            shutil.copyfile(snapshots[0] / file, out / "real" / file)
        rows = cases("real", out / "real")
    else:
        for number, (name, template) in enumerate(TEMPLATES.items()):
            make(out / name, template, LAYOUTS[number % len(LAYOUTS)])
            (out / name / "config.json").write_text(json.dumps({"model_type": "llama"}), "utf-8")
            rows += cases(name, out / name)
    (out / "cases.json").write_text(json.dumps(rows, indent=1), "utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
