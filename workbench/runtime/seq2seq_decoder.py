"""The decoder of an encoder-decoder model: one input being decoded, alone or into several beams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workbench.runtime.cache_feeds import as_past, check_inputs, empty_past, fitting, logits_and_cache
from workbench.runtime.logits_processors import FloatArray
from workbench.tasks.base import Array, Run, SessionLike

__all__ = ["Seq2SeqDecoder", "Seq2SeqState"]


class Seq2SeqDecoder:
    """The decoder of an encoder-decoder model, over either of Optimum's layouts.

    ``decoder_model_merged`` holds a branch without and one with cache; else ``decoder_model`` makes the first step and
    ``decoder_with_past_model`` all further ones. The keys and values of the encoder's output come out of the first
    step and are fed unchanged from then on.
    """

    def __init__(self, sessions: Mapping[str, SessionLike]) -> None:
        """Raises ModelError when a graph asks for an input that is not known here."""
        merged = sessions.get("decoder_model_merged")
        self.first = merged or sessions["decoder_model"]
        self.rest = merged or sessions["decoder_with_past_model"]
        known = {
            "input_ids",
            "encoder_hidden_states",
            "encoder_attention_mask",
            "decoder_attention_mask",
            "cache_position",
            "use_cache_branch",
        }
        for session in (self.first, self.rest):
            check_inputs(session, known)

    def start(self, hidden_states: Array, mask: Array | None = None) -> Seq2SeqState:
        """Decoding of one encoder output, float [1, positions, hidden].

        ``mask`` is the attention mask that the encoder had, int64 [1, n]: some decoders work out that of their
        positions from it. None stands for ones at all positions.
        """
        return Seq2SeqState(self, hidden_states, mask)


class Seq2SeqState:
    """See :class:`DecoderState`."""

    def __init__(self, decoder: Seq2SeqDecoder, hidden_states: Array, mask: Array | None) -> None:
        self._decoder = decoder
        self._hidden_states = hidden_states
        self._mask = np.ones(hidden_states.shape[:2], dtype=np.int64) if mask is None else mask
        self._past: dict[str, Array] = {}
        self._length = 0

    def advance(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        logits: FloatArray = self._advance(np.array([token_ids], dtype=np.int64), run)[0]
        return logits

    def advance_beams(self, token_ids: Sequence[int], run: Run) -> FloatArray:
        """Take in one further token for each beam; logits float32 [beams, vocabulary]. Raises Cancelled."""
        logits: FloatArray = self._advance(np.array(token_ids, dtype=np.int64)[:, None], run)[:, -1]
        return logits

    def keep(self, beams: Sequence[int]) -> None:
        """Go on with these beams, by their places now; one may go on several times."""
        same = len(beams) == len(self._hidden_states)
        if same and all(place == beam for place, beam in enumerate(beams)):
            return  # the cache is large: not to be copied where nothing changes
        index = np.array(beams, dtype=np.int64)
        for name, value in self._past.items():
            # All beams read the same input: what comes of the encoder only has to be there for as many as there are.
            if not (same and ".encoder." in name):
                self._past[name] = value[index]
        if not same:
            self._hidden_states, self._mask = self._hidden_states[index], self._mask[index]

    def _advance(self, token_ids: Array, run: Run) -> FloatArray:
        """Logits float32 [beams, tokens, vocabulary] for tokens int64 [beams, tokens]."""
        session = self._decoder.rest if self._past else self._decoder.first
        beams, length = len(token_ids), self._length + token_ids.shape[1]
        feeds = {
            "input_ids": token_ids,
            "encoder_hidden_states": self._hidden_states,
            "encoder_attention_mask": self._mask,
            "decoder_attention_mask": np.ones((beams, length), dtype=np.int64),
            "cache_position": np.arange(self._length, length, dtype=np.int64),
            "use_cache_branch": np.array([bool(self._past)]),
            **(self._past or empty_past(session)),
        }
        # What comes of the encoder is kept from the first step: later ones only hand it through, at a price.
        wanted = (name for name in session.output_names if not (self._past and ".encoder." in name))
        outputs = session.run(fitting(session, feeds), run, logits_and_cache(wanted))
        self._past |= as_past(outputs)
        self._length = length
        logits: FloatArray = outputs["logits"].astype(np.float32, copy=False)
        return logits
