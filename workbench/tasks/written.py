"""Text out of a decoder behind an encoder, whatever the encoder reads: search, partial text, the answer."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from workbench.errors import ModelError
from workbench.results import Text
from workbench.runtime.beam_search import beam_search
from workbench.runtime.generate import REPLACEMENT, Seq2SeqDecoder, fitting, greedy, teacher_forced
from workbench.runtime.generation_settings import GenerationSettings
from workbench.runtime.tokens import Vocabulary
from workbench.tasks.base import Array, ModelFiles, Outputs, Pipeline, Run, SessionLike

__all__ = ["Encoded", "Writer", "WritingPipeline", "run_encoder"]

ENCODER_OUTPUT = "last_hidden_state"
MASK = "attention_mask"


@dataclass(frozen=True)
class Encoded:
    """The encoder's output, float [1, positions, hidden], and the mask int64 [1, n] of its input, where it has one."""

    hidden_states: Array
    mask: Array | None


def run_encoder(session: SessionLike, feeds: Mapping[str, Array], run: Run) -> Encoded:
    """What the encoder gives for these inputs. Raises ModelError for an input that is not known."""
    for name in session.input_names:
        if name not in feeds:
            raise ModelError("model-unknown-input", name=name, known=", ".join(feeds))
    if ENCODER_OUTPUT not in session.output_names:
        raise ModelError("graph-no-output", wanted=ENCODER_OUTPUT, got=", ".join(session.output_names))
    outputs = session.run(fitting(session, feeds), run, (ENCODER_OUTPUT,))
    return Encoded(outputs[ENCODER_OUTPUT], feeds.get(MASK))


class Writer:
    """Writes text for encoder outputs. ``key`` is what the task's schema calls the text; ``shown`` makes the text of
    new tokens, where it is not just what they say."""

    def __init__(
        self,
        decoder: Seq2SeqDecoder,
        vocabulary: Vocabulary,
        key: str,
        shown: Callable[[Sequence[int]], str] | None = None,
    ) -> None:
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._key = key
        self._shown = shown

    def showing(self, shown: Callable[[Sequence[int]], str]) -> Writer:
        """One that makes its texts like this."""
        return Writer(self._decoder, self._vocabulary, self._key, shown)

    def write(
        self,
        encoded: Encoded,
        settings: GenerationSettings,
        source: Sequence[int],
        run: Run,
        prompt: Sequence[int] = (),
    ) -> Array:
        """The new tokens, int64 [tokens], with the end token if it came to that.

        ``source`` are the tokens that the encoder read, where it read text; ``prompt`` those that the decoder begins
        with, where that is more than its start.
        Partial text is that of the best beam, which another may overtake. Raises Cancelled.
        """
        settings.warn(run)
        prompt = prompt or (settings.start,)
        state = self._decoder.start(encoded.hidden_states, encoded.mask)
        asked: dict[str, Any] = {
            "stop": settings.stop,
            "max_length": settings.max_length(len(prompt)),
            "processors": settings.processors(prompt, source),
            "run": run,
        }
        if settings.beams.count > 1:
            tokens = beam_search(
                state, prompt, settings.beams, on_step=lambda said: self._report(said, settings, run), **asked
            )
        else:
            tokens = []
            for token in greedy(state, prompt, **asked):
                tokens.append(token)
                self._report(tokens, settings, run)
        return np.array(tokens, dtype=np.int64)

    def text(self, tokens: Sequence[int], settings: GenerationSettings) -> Text:
        """The answer that these new tokens are."""
        ended = bool(tokens) and tokens[-1] in settings.stop
        text = self._shown(tokens) if self._shown else self._vocabulary.decode([settings.start, *tokens])
        return Text(text, len(tokens) - ended, "stop" if ended else "length", self._key)

    def reference_outputs(self, encoded: Encoded, token_ids: Sequence[int], run: Run) -> Outputs:
        """``encoder.last_hidden_state``, and ``decoder.logits`` float32 [1, tokens, vocabulary] for these tokens."""
        logits = teacher_forced(self._decoder.start(encoded.hidden_states, encoded.mask), token_ids, run)
        return {f"encoder.{ENCODER_OUTPUT}": encoded.hidden_states, "decoder.logits": logits[None]}

    def _report(self, tokens: Sequence[int], settings: GenerationSettings, run: Run) -> None:
        if run.on_partial:
            answer = self.text(tokens, settings)
            run.partial(Text(answer.text.rstrip(REPLACEMENT), answer.token_count, "", self._key))


class Asked(Protocol):
    """What an input was prepared to: how to write, at least."""

    @property
    def settings(self) -> GenerationSettings: ...


class WritingPipeline(Pipeline):
    """One text for each input. A subclass tells what the encoder is fed, and what tokens it reads, if any."""

    def __init__(
        self, files: ModelFiles, sessions: Mapping[str, SessionLike], vocabulary: Vocabulary, key: str
    ) -> None:
        """Raises ModelError: an input of the decoder's graphs that is not known."""
        super().__init__(files, sessions)
        self._encoder = sessions["encoder_model"]
        self._writer = Writer(Seq2SeqDecoder(sessions), vocabulary, key)

    @abstractmethod
    def encoder_feeds(self, prepared: Any) -> Mapping[str, Array]:
        """What the encoder reads."""

    def source(self, prepared: Any) -> Sequence[int]:
        """The tokens among that."""
        return ()

    def prompt(self, prepared: Any) -> Sequence[int]:
        """The tokens that the decoder begins with, none for its start alone."""
        return ()

    def writer_for(self, prepared: Any) -> Writer:
        """What writes the text for an input."""
        return self._writer

    def forward(self, prepared: Asked, params: Mapping[str, Any], run: Run) -> Outputs:
        """Returns ``token_ids`` int64 [tokens]: what was written, with the end token if it came to that."""
        encoded = run_encoder(self._encoder, self.encoder_feeds(prepared), run)
        source, prompt = self.source(prepared), self.prompt(prepared)
        tokens = self.writer_for(prepared).write(encoded, prepared.settings, source, run, prompt)
        return {"token_ids": tokens}

    def postprocess(self, outputs: Outputs, prepared: Asked, params: Mapping[str, Any], run: Run) -> Text:
        return self._writer.text(outputs["token_ids"].tolist(), prepared.settings)

    def reference_outputs(
        self, prepared: Asked, params: Mapping[str, Any], run: Run, answer: Mapping[str, Any]
    ) -> Outputs:
        """``encoder.last_hidden_state`` and ``decoder.logits`` when the reference's tokens are fed in."""
        encoded = run_encoder(self._encoder, self.encoder_feeds(prepared), run)
        return self._writer.reference_outputs(encoded, answer["token_ids"], run)
