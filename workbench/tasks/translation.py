"""A text in another language. The reference is transformers' ``pipeline("translation")``, and where a language is
named that of ``translation_xx_to_yy``.

Languages are told in one of four ways: the model knows one pair and needs none; a T5 has a prefix for each pair in
``task_specific_params``; a Marian model of several target languages reads a code ``>>xx<<`` before the text; the others
(mBART, M2M-100, NLLB) have one token for each language, put to the source text and forced at the answer's beginning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

from workbench.errors import UsageError
from workbench.runtime.generation_settings import GenerationSettings
from workbench.tasks.base import Run
from workbench.tasks.seq2seq_text import PIPELINE_SETTINGS, Prepared, Seq2SeqText
from workbench.tasks.text_inputs import text_of

__all__ = ["PIPELINE", "Translation"]

OF_PAIR = re.compile(r"translation_(\w+)_to_(\w+)")
# "en_XX" of mBART, "eng_Latn" of NLLB, "__en__" of M2M-100; ">>fra<<" of Marian.
LANGUAGE_TOKEN = re.compile(r"(?:__)?([a-z]{2,3}(?:_[A-Z][A-Za-z]{1,3})?)(?:__)?")
MARIAN_CODE = re.compile(r">>(.+)<<")
OF_MANY = ("mbart", "m2m_100", "nllb-moe")


class Translation(Seq2SeqText):
    """An input is a text; ``src_lang`` and ``tgt_lang`` name languages as the model does."""

    task = "translation"
    key = "translation_text"

    def preprocess(self, item: Any, params: Mapping[str, Any], run: Run) -> Prepared:
        """Raises InputError for what is no text, UsageError for a language that the model does not have."""
        text, source, target = text_of(item), params.get("src_lang"), params.get("tgt_lang")
        if self._tokens_of_languages:
            return self._between(text, source, target, params, run)
        if self._pairs:
            return self.prepared(text, self._of_pair(source, target, run), params, run)
        if target is not None and self._codes:
            text = f">>{_known(target, 'tgt_lang', self._codes)}<< {text}"
        elif target is not None or source is not None:
            run.warn("translation-one-pair")
        return self.prepared(text, self.settings, params, run)

    @cached_property
    def _pairs(self) -> dict[tuple[str, str], str]:
        """Pairs of languages that the config knows a way for, with the name it has there."""
        names = self.files.config.get("task_specific_params") or {}
        found = {name: OF_PAIR.fullmatch(name) for name in names}
        return {(match[1], match[2]): name for name, match in found.items() if match}

    @cached_property
    def _codes(self) -> dict[str, int]:
        """Target languages of a Marian model."""
        if self.files.config.get("model_type") != "marian":
            return {}
        vocabulary = self.vocabulary.tokenizer.get_vocab(with_added_tokens=True)
        return {match[1]: number for token, number in vocabulary.items() if (match := MARIAN_CODE.search(token))}

    @cached_property
    def _tokens_of_languages(self) -> dict[str, int]:
        """Languages that have a token of their own."""
        if self.files.config.get("model_type") not in OF_MANY:
            return {}
        added = self.vocabulary.tokenizer.get_added_tokens_decoder()
        found = {LANGUAGE_TOKEN.fullmatch(token.content): number for number, token in added.items()}
        return {match[1]: number for match, number in found.items() if match}

    def _between(
        self, text: str, source: str | None, target: str | None, params: Mapping[str, Any], run: Run
    ) -> Prepared:
        """For a model with one token for each language: its place in the tokenizer's template gets another one."""
        known = self._tokens_of_languages
        if target is None:
            run.warn("translation-no-target", known=", ".join(sorted(known)))
        else:
            number = known[_known(target, "tgt_lang", known)]
            settings = self.settings.wishing(forced_bos_token_id=number)
        prepared = self.prepared(text, self.settings if target is None else settings, params, run)
        if source is None:
            return prepared
        number, ids = known[_known(source, "src_lang", known)], list(prepared.token_ids)
        languages = frozenset(known.values())
        place = next((n for n in (0, -1) if ids[n] in languages), None)
        if place is None:
            return replace(prepared, token_ids=(number, *ids))
        ids[place] = number
        return replace(prepared, token_ids=tuple(ids))

    def _of_pair(self, source: str | None, target: str | None, run: Run) -> GenerationSettings:
        """Settings, and with them a prefix, for a pair of languages that the config names: the first that fits."""
        known = ", ".join(f"{a} → {b}" for a, b in sorted(self._pairs))
        if source is None and target is None:
            run.warn("translation-no-target", known=known)
        names = [name for (a, b), name in self._pairs.items() if source in (a, None) and target in (b, None)]
        if not names:
            wrong = "src_lang" if source and source not in {a for a, _ in self._pairs} else "tgt_lang"
            raise UsageError(
                "usage-bad-param", name=wrong, value=source if wrong == "src_lang" else target, expected=known
            )
        return GenerationSettings.of_model(self.files, PIPELINE_SETTINGS, names[0])


def _known(language: str, name: str, known: Mapping[str, int]) -> str:
    """Raises UsageError for a language that is not among the known ones."""
    if language not in known:
        raise UsageError("usage-bad-param", name=name, value=language, expected=f"one of {', '.join(sorted(known))}")
    return language


PIPELINE = Translation
