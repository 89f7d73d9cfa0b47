"""How a model wants to be asked for text: ``generation_config.json`` under the defaults of transformers' pipelines.

As transformers 4.57 puts it together: where there is no such file, ``config.json`` speaks, and behind it the part of it
that describes the decoder; what a pipeline sets by itself (beams, how many tokens) goes before the model's own wish,
but for a longest text; ``task_specific_params`` of ``config.json`` go before both; the caller's wishes before all.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workbench.errors import ModelError
from workbench.runtime.beam_search import Beams
from workbench.runtime.logits_processors import (
    LogitsProcessor,
    encoder_repetition_penalty,
    ended_sooner,
    finite,
    forbidden_words,
    forced_at,
    log_softmax,
    min_p,
    no_ngrams_of,
    no_repeated_ngrams,
    not_before,
    repetition_penalty,
    suppressed,
    suppressed_at,
    temperature,
    top_k,
    top_p,
)
from workbench.tasks.base import ModelFiles, Run

__all__ = ["GenerationSettings", "decoder_config"]

FILE = "generation_config.json"
# What is understood, with the value that stands for "not asked for".
DEFAULTS: dict[str, Any] = {
    "max_length": 20,
    "max_new_tokens": None,
    "min_length": 0,
    "min_new_tokens": None,
    "num_beams": 1,
    "early_stopping": False,
    "length_penalty": 1.0,
    "do_sample": False,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "exponential_decay_length_penalty": None,
    "remove_invalid_values": False,
    "renormalize_logits": False,
    "bos_token_id": None,
    "eos_token_id": None,
    "decoder_start_token_id": None,
}
# Would alter the text, and is not supported: with another value than these a model is refused.
REFUSED: dict[str, tuple[Any, ...]] = {
    "constraints": (None,),
    "diversity_penalty": (None, 0, 0.0),
    "dola_layers": (None,),
    "force_words_ids": (None,),
    "guidance_scale": (None, 1, 1.0),
    "max_time": (None,),
    "num_beam_groups": (None, 1),
    "penalty_alpha": (None, 0, 0.0),
    "sequence_bias": (None,),
    "stop_strings": (None,),
    "token_healing": (None, False),
    "watermarking_config": (None,),
}
# How tokens are drawn, where they are.
SAMPLING: dict[str, Any] = {"temperature": 1.0, "top_k": 50, "top_p": 1.0, "min_p": None}
REFUSED_SAMPLING: dict[str, tuple[Any, ...]] = {
    "epsilon_cutoff": (None, 0, 0.0),
    "eta_cutoff": (None, 0, 0.0),
    "typical_p": (None, 1, 1.0),
}
# What the config classes of transformers say where config.json does not, by ``model_type``.
OF_TYPE: dict[str, dict[str, Any]] = {
    "bart": {"decoder_start_token_id": 2, "eos_token_id": 2, "bos_token_id": 0, "forced_eos_token_id": 2},
    "m2m_100": {"decoder_start_token_id": 2, "eos_token_id": 2, "bos_token_id": 0},
    "marian": {"decoder_start_token_id": 58100, "eos_token_id": 0, "forced_eos_token_id": 0},
    "mbart": {"eos_token_id": 2, "bos_token_id": 0, "forced_eos_token_id": 2},
    "moonshine": {"decoder_start_token_id": 1, "eos_token_id": 2, "bos_token_id": 1},
    "mt5": {"decoder_start_token_id": 0, "eos_token_id": 1},
    "pegasus": {"decoder_start_token_id": 0, "eos_token_id": 1, "forced_eos_token_id": 1},
    "speech_to_text": {"decoder_start_token_id": 2, "eos_token_id": 2, "bos_token_id": 0},
    "t5": {"decoder_start_token_id": 0, "eos_token_id": 1},
}
# Decoders that can make texts of any length: positions are told by distance or by rotation.
ENDLESS = ("t5", "mt5", "umt5", "longt5", "switch_transformers", "moonshine")
FORCED = ("forced_bos_token_id", "forced_eos_token_id")
COUNTS = (
    *("max_length", "max_new_tokens", "min_length", "min_new_tokens"),
    *("num_beams", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size"),
)
# Far more than any model asks for. Each beam has a cache of its own.
MOST, MOST_BEAMS = 1 << 62, 1000
POSITIONS = ("max_target_positions", "max_position_embeddings", "n_positions", "n_ctx")


@dataclass(frozen=True)
class GenerationSettings:
    """The settings by transformers' names, all of :data:`DEFAULTS`. ``positions`` is the longest text, prompt included,
    that the decoder can hold, None where there is no such limit; ``prefix`` stands before every input."""

    values: Mapping[str, Any]
    positions: int | None = None
    prefix: str = ""

    @classmethod
    def of_model(cls, files: ModelFiles, pipeline: Mapping[str, Any], task: str = "") -> GenerationSettings:
        """``pipeline`` is what transformers' pipeline of the task sets by itself; ``task`` the name it has there.

        Raises ModelError: no start or end token, a bad value, or a setting that would alter the text and is unknown.
        """
        config = files.config
        file, own = _own(files)
        special = _special(config, task, files.folder / "config.json")
        _refuse(REFUSED, special, files.folder / "config.json")
        _refuse(REFUSED, own, file)
        values = {**DEFAULTS, **{key: own[key] for key in DEFAULTS if own.get(key) is not None}, **pipeline}
        # A longest text that the model asks for goes before the pipeline's number of tokens.
        if "max_new_tokens" in pipeline and values["max_length"] != DEFAULTS["max_length"]:
            values["max_new_tokens"] = None
        values |= {key: value for key, value in special.items() if key in DEFAULTS}
        _check(values, file)
        _check_tokens(values, file)
        prefix = special.get("prefix", config.get("prefix")) or ""
        return cls(values, _positions(config), str(prefix))

    @classmethod
    def of_language_model(cls, files: ModelFiles) -> GenerationSettings:
        """For a model that goes on from a prompt; it need not have an end token.

        ``stop_strings`` are left to the caller. Raises ModelError: a bad value, or a setting that would alter the text
        and is unknown.
        """
        file, own = _own(files)
        _refuse({key: value for key, value in REFUSED.items() if key != "stop_strings"}, own, file)
        values = {**DEFAULTS, "stop_strings": None, **SAMPLING}
        # A file of wishes may leave the tokens that begin and end a text to the config.
        part = {**decoder_config(files.config), **files.config}
        for source in ({key: part.get(key) for key in ("bos_token_id", "eos_token_id")}, own):
            values |= {key: source[key] for key in values if source.get(key) is not None}
        if values["do_sample"]:
            _refuse(REFUSED_SAMPLING, own, file)
        _check(values, file)
        if isinstance(values["stop_strings"], str):
            values["stop_strings"] = [values["stop_strings"]]
        return cls(values, _positions(files.config))

    @property
    def start(self) -> int:
        """The token that a decoder begins with."""
        value = self.values["decoder_start_token_id"]
        return int(self.values["bos_token_id"] if value is None else value)

    @property
    def stop(self) -> frozenset[int]:
        value = self.values["eos_token_id"]
        return frozenset(() if value is None else _ids(value))

    @property
    def beams(self) -> Beams:
        values = self.values
        return Beams(int(values["num_beams"] or 1), float(values["length_penalty"]), values["early_stopping"] or False)

    def wishing(self, **wishes: Any) -> GenerationSettings:
        """The settings with what a caller asks for; None means as before."""
        wanted = {key: value for key, value in wishes.items() if value is not None}
        return GenerationSettings({**self.values, **wanted}, self.positions, self.prefix)

    def asked(self, params: Mapping[str, Any]) -> GenerationSettings:
        """The settings with what a task's parameters say of them."""
        return self.wishing(**{name: params.get(name) for name in ("max_new_tokens", "num_beams")})

    def max_length(self, prompt: int) -> int:
        """How many tokens there may be, those of the prompt included."""
        new, length = self.values["max_new_tokens"], self.values["max_length"]
        if new is not None:
            length = new + prompt
        elif length == DEFAULTS["max_length"]:
            length += prompt
        return min(int(length), self.positions) if self.positions else int(length)

    def processors(self, prompt: Sequence[int], source: Sequence[int] = ()) -> list[LogitsProcessor]:
        """What is done to the scores, in transformers' order. ``source`` are the tokens that the encoder reads."""
        values, stop, length = self.values, self.stop, len(prompt)
        found: list[LogitsProcessor] = []
        if source and values["encoder_repetition_penalty"] != 1:
            found.append(encoder_repetition_penalty(values["encoder_repetition_penalty"], source))
        if values["repetition_penalty"] != 1:
            found.append(repetition_penalty(values["repetition_penalty"]))
        if values["no_repeat_ngram_size"]:
            found.append(no_repeated_ngrams(values["no_repeat_ngram_size"]))
        if source and values["encoder_no_repeat_ngram_size"]:
            found.append(no_ngrams_of(source, values["encoder_no_repeat_ngram_size"]))
        if values["bad_words_ids"]:
            found.append(forbidden_words([w for w in values["bad_words_ids"] if not (len(w) == 1 and w[0] in stop)]))
        new = values["min_new_tokens"]
        least = (values["min_length"] or 0) if new is None else new + length
        if least > length:
            found.append(not_before(least, stop))
        if values["forced_bos_token_id"] is not None:
            found.append(forced_at(1, _ids(values["forced_bos_token_id"])))
        if values["forced_eos_token_id"] is not None:
            found.append(forced_at(self.max_length(length) - 1, _ids(values["forced_eos_token_id"])))
        if values["remove_invalid_values"]:
            found.append(finite)
        if values["exponential_decay_length_penalty"]:
            start, factor = values["exponential_decay_length_penalty"]
            found.append(ended_sooner(start + length, factor, stop))
        if values["suppress_tokens"]:
            found.append(suppressed(values["suppress_tokens"]))
        if values["begin_suppress_tokens"]:
            forced = length == 1 and values["forced_bos_token_id"] is not None
            found.append(suppressed_at(length + forced, values["begin_suppress_tokens"]))
        if values["renormalize_logits"]:
            found.append(log_softmax)
        return found

    def warpers(self) -> list[LogitsProcessor]:
        """What narrows down the tokens that may be drawn, in transformers' order; not for encoder-decoder models."""
        values = self.values
        found: list[LogitsProcessor] = []
        if values["temperature"] != 1:
            found.append(temperature(values["temperature"]))
        if values["top_k"]:
            found.append(top_k(values["top_k"]))
        if values["top_p"] < 1:
            found.append(top_p(values["top_p"]))
        if values["min_p"]:
            found.append(min_p(values["min_p"]))
        return found

    def warn(self, run: Run) -> None:
        """Say what is done otherwise than asked for: nothing is drawn by chance here."""
        if self.values["do_sample"]:
            run.warn("generation-not-sampled")


def decoder_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """The part of a ``config.json`` that describes the decoder, where a model is put together of two."""
    for name in ("decoder", "text_config"):
        part = config.get(name)
        if isinstance(part, Mapping):
            return part
    return {}


def _own(files: ModelFiles) -> tuple[Path, Mapping[str, Any]]:
    """The model's wishes and the file that they stand in."""
    given = files.read_json(FILE)
    if given is not None:
        return files.folder / FILE, given
    config, decoder = files.config, decoder_config(files.config)
    values = {**OF_TYPE.get(str(config.get("model_type")), {})}
    values |= {key: value for key, value in config.items() if value is not None}
    for key, value in decoder.items():
        if key in DEFAULTS and values.get(key, DEFAULTS[key]) == DEFAULTS[key]:
            values[key] = value
    return files.folder / "config.json", values


def _positions(config: Mapping[str, Any]) -> int | None:
    part = decoder_config(config) or config
    if (part.get("model_type") or config.get("model_type")) in ENDLESS:
        return None
    return next((part[key] for key in POSITIONS if _is_count(part.get(key)) and part[key] > 0), None)


def _special(config: Mapping[str, Any], task: str, file: Path) -> Mapping[str, Any]:
    """What a config wants of this task alone. Raises ModelError."""
    found = config.get("task_specific_params") or {}
    special = (found.get(task) or {}) if isinstance(found, dict) else found
    if not isinstance(special, dict):
        raise ModelError("model-bad-setting", file=file, name="task_specific_params", value=found)
    return special


def _refuse(unsupported: Mapping[str, tuple[Any, ...]], values: Mapping[str, Any], file: Path) -> None:
    """Raises ModelError for a value that does something, of a setting that does nothing here."""
    for key, harmless in unsupported.items():
        if values.get(key, harmless[0]) not in harmless:
            raise ModelError("generation-unsupported", file=file, name=key, value=values[key])


def _check_tokens(values: Mapping[str, Any], file: Path) -> None:
    """Raises ModelError where a text has no beginning or no end."""
    if values["eos_token_id"] is None:
        raise ModelError("model-setting-missing", file=file, name="eos_token_id")
    if values["decoder_start_token_id"] is None and values["bos_token_id"] is None:
        raise ModelError("model-setting-missing", file=file, name="decoder_start_token_id")


def _check(values: Mapping[str, Any], file: Path) -> None:
    """Raises ModelError."""

    def bad(name: str) -> ModelError:
        return ModelError("model-bad-setting", file=file, name=name, value=values[name])

    for name in ("eos_token_id", *FORCED):
        if values[name] is not None and not all(_is_count(item) for item in _ids(values[name])):
            raise bad(name)
    for name in (*COUNTS, "bos_token_id", "decoder_start_token_id"):
        if values[name] is not None and not _is_count(values[name]):
            raise bad(name)
    if (values["num_beams"] or 1) > MOST_BEAMS:
        raise bad("num_beams")
    for name in ("length_penalty", "repetition_penalty", "encoder_repetition_penalty"):
        if not _is_figure(values[name]) or (name != "length_penalty" and values[name] <= 0):
            raise bad(name)
    decay = values["exponential_decay_length_penalty"]
    if decay is not None and not (
        isinstance(decay, (list, tuple)) and len(decay) == 2 and _is_count(decay[0]) and _is_figure(decay[1])
    ):
        raise bad("exponential_decay_length_penalty")
    for name, least, most in (("temperature", 0, math.inf), ("top_k", 0, math.inf), ("top_p", 0, 1), ("min_p", 0, 1)):
        value = values.get(name, least)
        if value is not None and (type(value) not in (int, float) or not least <= value <= most):
            raise bad(name)
    if values["early_stopping"] not in (True, False, "never"):
        raise bad("early_stopping")
    for name in ("suppress_tokens", "begin_suppress_tokens"):
        if values[name] is not None and not _are_ids(values[name]):
            raise bad(name)
    stops = values.get("stop_strings")
    if stops is not None and not all(isinstance(text, str) for text in (stops if isinstance(stops, list) else [stops])):
        raise bad("stop_strings")
    words = values["bad_words_ids"]
    if words is not None and not (isinstance(words, list) and all(_are_ids(word) and word for word in words)):
        raise bad("bad_words_ids")


def _ids(value: int | Collection[int]) -> list[int]:
    return list(value) if isinstance(value, (list, tuple)) else [value]  # type: ignore[list-item]


def _are_ids(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_count, value))


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= MOST


def _is_figure(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) <= MOST  # nor is NaN
