"""What 4 bits cost in each part of a decoder, measured, and which parts had better keep 8.

They differ from model to model. In most layers of SmolLM2-135M queries, keys and values lose most for their size, but
not in the first, and what the feed-forward parts of layers 0, 2, 11 and 28 give loses as much as those.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

__all__ = ["Meter", "Part", "parts_in_8_bits"]

# Of 121 parts of SmolLM2-135M, measured by 1,024 tokens, those that one sequence of 128 chose would have left 3 % more
# than the best choice, by 64 of them 5 %, and by each third layer alone 20 %: rather fewer tokens than fewer layers.
LEAST_TOKENS = 32
# The first run of a model reads weights from the disk: one shorter than this part of the seconds is done again.
WARMING = 0.05
# What is reckoned with before it is known: parts of a layer, and the share of a run that is no layer's.
PARTS, OUTSIDE = 4, 0.25
# How near a run with layers left out must come to one without, as a part of the largest score.
TOLERANCE = 1e-3


@dataclass(frozen=True)
class Part:
    """Matrices that read one input: those of a layer by their names in it, or the head, whose layer is None.

    ``size`` is how many weights; ``loss`` what they cost in 4 bits, in nats a token, None where it was not measured.
    """

    layer: int | None
    names: tuple[str, ...]
    size: int
    loss: float | None = None

    @property
    def title(self) -> str:
        """As the manifest has it."""
        return "head" if self.layer is None else f"{self.layer}.{'+'.join(self.names)}"


def parts_in_8_bits(parts: Sequence[Part], share: float) -> list[Part]:
    """The parts whose 4 bits cost most for the bytes that they save, as many as are this share of all weights at most.

    One that was not measured is taken to cost what the nearest layer's of that name does for its size; one of a name
    that was nowhere measured keeps 4 bits.
    """
    left = share * sum(part.size for part in parts)
    chosen = []
    for part in sorted(parts, key=lambda part: -_loss_per_weight(part, parts)):
        if part.size <= left and _loss_per_weight(part, parts) > 0:
            chosen.append(part)
            left -= part.size
    return chosen


def _loss_per_weight(part: Part, parts: Sequence[Part]) -> float:
    if part.loss is not None:
        return part.loss / part.size
    if part.layer is None:
        return 0.0
    known = [
        (abs(other.layer - part.layer), other.layer, other.loss / other.size)
        for other in parts
        if other.names == part.names and other.layer is not None and other.loss is not None
    ]
    return min(known)[2] if known else 0.0


class Meter:
    """How far a torch decoder is from itself with a part of it changed, within a number of seconds.

    That is the mean Kullback-Leibler divergence of the next tokens' probabilities, in nats. The layers before the part
    are not run again. Where the seconds are too few there are fewer tokens, and then not every layer is measured.
    """

    def __init__(self, model: Any, layers: Sequence[Any], tokens: Any, seconds: float) -> None:
        """``tokens`` is a torch tensor [1, length]. Raises ValueError where the model does not give the same
        with layers left out, or no numbers, and what the model raises."""
        import torch

        self._model, self._layers, self._seconds = model, layers, seconds
        self.took_s = 0.0
        # From few tokens up: of a large model a run of many might take all the seconds by itself.
        size = min(LEAST_TOKENS, tokens.shape[1])
        whole_s = self._look(tokens[:, :size])
        if whole_s < seconds * WARMING:
            whole_s = self._look(tokens[:, :size])
        while size < tokens.shape[1] and 2 * whole_s + self._seconds_for(2 * whole_s) <= seconds - self.took_s:
            size = min(2 * size, tokens.shape[1])
            whole_s = self._look(tokens[:, :size])
        # A vocabulary is large: no copies of all scores. They may leave words out by -inf.
        most = max(float(row.nan_to_num(neginf=0).abs().max()) for row in self._clean[0])
        for skipped in (len(layers), len(layers) // 2):
            given = self._log_probabilities(skipped)
            rows = zip(given[0], self._clean[0], strict=True)
            if not all(torch.allclose(row, clean, rtol=0, atol=TOLERANCE * most) for row, clean in rows):
                raise ValueError("the model gives something else with layers left out")
            del given
        self._began_s = self.took_s
        self._in_turn: dict[int, bool] = {}

    def is_due(self, layer: int | None) -> bool:
        """Whether a part of a layer is to be measured, and there is time for it; layers are asked for in their order.

        One is left out where those before it have taken its time as well: so what is measured lies as close in the last
        layers as in the first ones, however fast the machine gets on. The head, which is None, always is due: nothing
        tells what it costs but itself, and it is the quickest.
        """
        if layer is None:
            return True
        if layer not in self._in_turn:
            share = self._seconds_for(1, layer + 1) / self._seconds_for(1)
            self._in_turn[layer] = self.took_s - self._began_s < share * (self._seconds - self._began_s)
        return self._in_turn[layer] and self.took_s < self._seconds

    def loss(self, layer: int | None) -> float:
        """What the model has lost as it is now, its layers before ``layer`` being as they were; None: all layers."""
        import torch

        given = self._log_probabilities(len(self._layers) if layer is None else layer)
        lost = 0.0
        for clean, now in zip(self._clean[0], given[0], strict=True):
            share = clean.exp()
            lost += float(torch.where(share > 0, share * (clean - now), 0).sum()) / len(given[0])
        return lost if math.isfinite(lost) else math.inf

    def run_to(self, head: Any, sequence: Any, hidden: Any) -> None:
        """Have the head see what the last layer's hidden states of a sequence, tokens [1, length], become before it.

        Its own product, the largest there is, is left out.
        """
        hook = head.register_forward_pre_hook(_stop)
        try:
            with _skipping(self._layers, self._as_made(hidden)):
                self._model(sequence, use_cache=False)
        except _Enough:
            pass
        finally:
            hook.remove()

    def _look(self, tokens: Any) -> float:
        """Keep the hidden states before each layer and after the last one, what kind of thing layers return, and what
        the model gives, with these tokens; returns how many seconds that took."""
        self._tokens, before_s = tokens, self.took_s
        self._hidden: list[Any] = []

        def before(_: Any, inputs: tuple[Any, ...], named: Mapping[str, Any]) -> None:
            self._hidden.append(inputs[0] if inputs else named["hidden_states"])

        def after(_: Any, __: Any, made: Any) -> None:
            self._in_tuple = isinstance(made, tuple)
            self._hidden.append(made[0] if self._in_tuple else made)

        hooks = [layer.register_forward_pre_hook(before, with_kwargs=True) for layer in self._layers]
        hooks.append(self._layers[-1].register_forward_hook(after))
        try:
            self._clean = self._log_probabilities(0)
        finally:
            for hook in hooks:
                hook.remove()
        return self.took_s - before_s

    def _log_probabilities(self, skipped: int) -> Any:
        """Of the next token after each one, float32 [1, length, vocabulary]."""

        started = time.monotonic()
        left_out = self._layers[:skipped]
        with _skipping(left_out, self._as_made(self._hidden[skipped]) if left_out else None):
            scores = self._model(self._tokens, use_cache=False).logits
        made = scores.float()
        made -= made.logsumexp(-1, keepdim=True)
        self.took_s += time.monotonic() - started
        return made

    def _as_made(self, hidden: Any) -> Any:
        return (hidden,) if self._in_tuple else hidden

    def _seconds_for(self, whole_s: float, first: int | None = None) -> float:
        """How long the first layers take, or all, when a run of the whole model takes so many seconds."""
        count = len(self._layers)
        left = [(count - number) / count for number in range(count if first is None else first)]
        return sum(PARTS * whole_s * (OUTSIDE + (1 - OUTSIDE) * part) for part in left)


@contextmanager
def _skipping(layers: Sequence[Any], made: Any) -> Iterator[None]:
    """Have layers give this, whatever they are given."""
    for layer in layers:
        layer.forward = lambda *_, **__: made
    try:
        yield
    finally:
        for layer in layers:
            del layer.forward


class _Enough(Exception):
    pass


def _stop(*_: Any) -> None:
    raise _Enough
