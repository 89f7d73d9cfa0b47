"""What ``tokenizer_config.json`` changes of a ``tokenizer.json``, as transformers' fast tokenizer classes do it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

__all__ = ["apply_settings", "special_token"]

# Classes that set case, accents and Chinese characters of their normalizer, by the name without "Tokenizer[Fast]".
BERT_LIKE = frozenset(
    (
        *("Bert", "ConvBert", "DistilBert", "Electra", "Funnel", "LayoutLM", "LayoutLMv2", "Lxmert", "MobileBert"),
        *("MPNet", "RoFormer", "SqueezeBert"),
    )
)
# Classes that set whether offsets leave out the space before a word.
ROBERTA_LIKE = frozenset(("Bart", "Blenderbot", "LED", "Longformer", "MarkupLM", "Mvp", "Roberta"))
# The class of a model type that does not only differ from it by case and dashes.
CLASS_OF_TYPE = {"led": "LED", "mpnet": "MPNet"}


def apply_settings(tokenizer: Tokenizer, settings: Mapping[str, Any], config: Mapping[str, Any]) -> None:
    """Change the parts of ``tokenizer`` in place. ``settings`` is tokenizer_config.json, ``config`` config.json."""
    tokenizer.encode_special_tokens = bool(settings.get("split_special_tokens", False))
    family = _family(settings, config)
    normalizer = tokenizer.normalizer
    if family in BERT_LIKE and isinstance(normalizer, normalizers.BertNormalizer):
        normalizer.lowercase = bool(settings.get("do_lower_case", True))
        strips = settings.get("strip_accents")
        normalizer.strip_accents = None if strips is None else bool(strips)
        if family != "MPNet":
            normalizer.handle_chinese_chars = bool(settings.get("tokenize_chinese_chars", True))
    spaced = bool(settings.get("add_prefix_space", False))
    pre_tokenizer = tokenizer.pre_tokenizer
    if isinstance(pre_tokenizer, pre_tokenizers.ByteLevel):
        pre_tokenizer.add_prefix_space = spaced
    if family in ROBERTA_LIKE and tokenizer.post_processor is not None:
        _set_offsets(tokenizer, trim=bool(settings.get("trim_offsets", True)), spaced=spaced)


def special_token(name: str, settings: Mapping[str, Any], specials: Mapping[str, Any]) -> str | None:
    """A special token by its role (``"pad_token"``); ``specials`` is special_tokens_map.json, which is older."""
    for source in (settings, specials):
        value = source.get(name)
        content = value.get("content") if isinstance(value, dict) else value
        if isinstance(content, str) and content:
            return content
    return None


def _family(settings: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """The tokenizer's class without ``Tokenizer`` and ``Fast``; where no file names it, that of the model's type."""
    named = settings.get("tokenizer_class") or config.get("tokenizer_class")
    if named:
        return str(named).removesuffix("Fast").removesuffix("Tokenizer")
    model_type = str(config.get("model_type", ""))
    known = {name.lower(): name for name in BERT_LIKE | ROBERTA_LIKE}
    return CLASS_OF_TYPE.get(model_type) or known.get(model_type.replace("-", ""), "")


def _set_offsets(tokenizer: Tokenizer, *, trim: bool, spaced: bool) -> None:
    state = json.loads(tokenizer.post_processor.__getstate__())
    wanted = state | {"trim_offsets": trim, "add_prefix_space": spaced}
    if state["type"] == "RobertaProcessing" and wanted != state:
        tokenizer.post_processor = processors.RobertaProcessing(
            tuple(state["sep"]), tuple(state["cls"]), trim_offsets=trim, add_prefix_space=spaced
        )
