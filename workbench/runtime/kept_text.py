"""The cache of the last text, kept for the next one that begins as it did: a chat only pays for what is new."""

from __future__ import annotations

from collections.abc import Sequence

from workbench.runtime.causal_decoder import CachedState, LanguageDecoder

__all__ = ["KeptText"]


class KeptText:
    """One state at most: that of the text before, and its memory, go when another text begins otherwise."""

    def __init__(self, decoder: LanguageDecoder) -> None:
        self._decoder = decoder
        self._state: CachedState | None = None

    def state_for(self, prompt: Sequence[int]) -> CachedState:
        """A state that has read a beginning of the prompt, which may be nothing; never all of it, since the scores that
        come after its last token are wanted."""
        state = self._state
        if state is not None:
            longest = min(state.length, len(prompt) - 1)
            common = next((n for n in range(longest) if state.tokens[n] != prompt[n]), longest)
            if common:
                state.rewind(common)
                return state
        self._state = None  # before the new one takes memory
        self._state = self._decoder.start()
        return self._state
