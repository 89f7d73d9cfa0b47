"""Text as the letters a voice reads: ``vocab.json`` as transformers' ``VitsTokenizer`` uses it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from workbench.errors import InputError, ModelError
from workbench.runtime.tokenizer_settings import special_token
from workbench.tasks.base import ModelFiles

__all__ = ["VoiceText"]

FILE = "tokenizer_config.json"
BLANK_ID = 0
SWITCHES = {"add_blank": True, "normalize": True, "phonemize": True, "is_uroman": False}
ROMANIAN = ("ț", "ţ")


@dataclass(frozen=True)
class VoiceText:
    """``ids`` of the letters; ``special`` are tokens that are cut out of a text first (voices of MMS have a letter of
    their alphabet for padding); ``romanized`` voices know Latin letters only, whatever the language."""

    ids: Mapping[str, int]
    special: Mapping[str, int]
    unknown: int | None
    language: str | None
    add_blank: bool
    normalize: bool
    romanized: bool

    @classmethod
    def of_model(cls, files: ModelFiles) -> VoiceText:
        """Raises ModelError: no vocabulary, a setting without sense, a voice that reads phonemes."""
        vocabulary, path = files.read_json("vocab.json"), files.folder / FILE
        if vocabulary is None:
            raise ModelError("model-file-missing", file=files.folder / "vocab.json")
        settings = files.read_json(FILE) or {}
        named = settings.get("tokenizer_class") or "VitsTokenizer"
        if named != "VitsTokenizer":
            raise ModelError("model-bad-setting", file=path, name="tokenizer_class", value=named)
        switches = {name: settings.get(name, usual) for name, usual in SWITCHES.items()}
        for name, value in switches.items():
            if not isinstance(value, bool):
                raise ModelError("model-bad-setting", file=path, name=name, value=value)
        if switches["phonemize"]:
            raise ModelError("tts-needs-phonemes", folder=files.folder)
        try:
            ids = {str(letter): int(number) for letter, number in vocabulary.items()}
            added = {str(token["content"]): int(n) for n, token in (settings.get("added_tokens_decoder") or {}).items()}
        except (TypeError, KeyError, ValueError, AttributeError) as error:
            raise ModelError("model-bad-file", file=files.folder / "vocab.json", reason=error) from error
        specials = files.read_json("special_tokens_map.json") or {}
        names = [special_token(role, settings, specials) for role in ("unk_token", "pad_token")]
        unknown, padding = names[0] or "<unk>", names[1] or "<pad>"
        # Special tokens that are nowhere get the ids behind the others.
        for name in (unknown, padding):
            added.setdefault(name, ids.get(name, len({*ids, *added})))
        language = settings.get("language")
        return cls(
            ids=ids,
            special=added,
            unknown=added.get(unknown, ids.get(unknown)),
            language=language if isinstance(language, str) else None,
            add_blank=switches["add_blank"],
            normalize=switches["normalize"],
            romanized=switches["is_uroman"],
        )

    def readable(self, text: str) -> str:
        """The text as the voice reads it: lower case, letters that it does not know left out. Raises InputError."""
        if self.normalize:
            text = self._lowered(text)
        if self.language == "ron":
            text = text.replace(*ROMANIAN)
        if self.romanized and not text.isascii():
            raise InputError("tts-needs-romanizing")
        if self.normalize:
            text = "".join(sign for sign in text if sign in self.ids).strip()
        return text

    def encode(self, readable: str) -> list[int]:
        """The ids of a text that :meth:`readable` gave. With ``add_blank``, blanks stand between and around letters."""
        found: list[int] = []
        pattern = "|".join(re.escape(name) for name in sorted(self.special, key=len, reverse=True) if name)
        for piece in re.split(f"({pattern})", readable) if pattern else [readable]:
            if piece in self.special:
                found.append(self.special[piece])
            elif piece:
                letters = [self._id(sign) for sign in piece]
                if self.add_blank:
                    spaced = [BLANK_ID] * (2 * len(letters) + 1)
                    spaced[1::2] = letters
                    letters = spaced
                found += letters
        return found

    def _lowered(self, text: str) -> str:
        """In lower case, but for what the vocabulary has as it is."""
        words = [word for word in dict.fromkeys((*self.ids, *self.special)) if word]
        longer = [word for word in words if len(word) > 1]
        single = frozenset(word for word in words if len(word) == 1)
        if not longer:
            return "".join(sign if sign in single else sign.lower() for sign in text)
        # The first word of the vocabulary that fits, letter by letter.
        pattern = re.compile("|".join(map(re.escape, words)))
        lowered, place = [], 0
        while place < len(text):
            match = pattern.match(text, place)
            lowered.append(match.group() if match else text[place].lower())
            place = match.end() if match else place + 1
        return "".join(lowered)

    def _id(self, sign: str) -> int:
        number: Any = self.special.get(sign, self.ids.get(sign, self.unknown))
        if number is None:
            raise InputError("tts-unknown-letter", letter=sign)
        return int(number)
