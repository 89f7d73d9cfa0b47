"""Texts through the graph of an encoder, several at once where that changes no answer.

Padding is masked, but not every graph keeps its hands off it (convolutions over tokens, landmarks), and graphs that
quantize activations as they come take one scale for all that goes through together: of all-MiniLM-L6-v2 in such an
int8, the vector of a text alone and in a batch have a cosine down to 0.94. So a graph is tried once: a short text
alone, and padded beside a longer one. Where the answers differ by more than rounding, each text goes alone ever after.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from workbench.batching import BatchLimits, Share, batches
from workbench.errors import EngineError, ModelError
from workbench.runtime.rounding import same_but_for_rounding
from workbench.runtime.text import TextFeeds, TextTokenizer, Tokens
from workbench.tasks.base import Outputs, Run, SessionLike

__all__ = ["TEXT_LIMITS", "TextRows"]

# So many texts and tokens, padding counted, at once. On a processor a text of a few words gains 2.0 to 2.5 times the
# throughput (MiniLM), most between 256 and 512 tokens; one of 25 tokens hardly gains, and more at once is slower again,
# when what goes from node to node does not fit the cache any more.
TEXT_LIMITS = BatchLimits(items=32, size=512)

Keep = Callable[[Tokens, Outputs], Outputs]


class TextRows:
    """The graph of a text encoder. ``outputs`` are those that are wanted; ``each_token`` of them have an axis of
    tokens behind that of texts."""

    def __init__(
        self, session: SessionLike, tokenizer: TextTokenizer, outputs: tuple[str, ...], *, each_token: bool
    ) -> None:
        """Raises ModelError for a graph that asks for more than tokens."""
        self._session = session
        self._outputs = outputs
        self._each_token = each_token
        self._tokenizer = tokenizer
        self._feeds = TextFeeds(session, tokenizer)
        # Whether texts may go together: of one length (False), of different ones (True); what is not in it is not
        # known yet.
        self._together: dict[bool, bool] = {}

    @property
    def can_batch(self) -> bool:
        """Whether texts may go through the graph together, as far as is known."""
        return self._feeds.can_pad and False not in self._together.values()

    def __call__(self, rows: Sequence[Tokens], run: Run, keep: Keep, *, stage: str = "") -> list[Outputs]:
        """The outputs of each text as if it had been alone, arrays of shape [1, …]; of these, what ``keep`` makes of
        them, so that not all of it is held. Tells ``stage`` as progress."""
        results: list[Outputs] = [{} for _ in rows]
        shares = [Share(len(row), self._ends(row)) for row in rows]
        if len(rows) > 1 and self.can_batch:
            self._try(rows, run)
        done, groups = 0, batches(shares, TEXT_LIMITS if self.can_batch else BatchLimits(1, 0))
        for group in groups:
            found = self._run_group([rows[index] for index in group], run)
            with run.timed("postprocess"):
                for index, outputs in zip(group, found, strict=True):
                    results[index] = keep(rows[index], outputs)
            done += len(group)
            if stage and len(groups) > 1:
                run.progress(stage, done, len(rows), "texts")
        return results

    def _ends(self, row: Tokens) -> int:
        """Graphs of BART and its like take the vector of the last end of each text: right only where all texts that go
        together have as many of them."""
        return 0 if self._tokenizer.eos_id is None else row.ids.count(self._tokenizer.eos_id)

    def _run_group(self, rows: Sequence[Tokens], run: Run) -> list[Outputs]:
        try:
            return self._run(rows, run)
        except EngineError:
            if len(rows) == 1:
                raise
        return [self._run([row], run)[0] for row in rows]  # memory for one, or the one that is at fault

    def _run(self, rows: Sequence[Tokens], run: Run) -> list[Outputs]:
        with run.timed("preprocess"):
            feeds = self._feeds(rows)
        values = self._session.run(feeds, run, self._outputs)
        if len(rows) == 1:
            self._check(values, len(rows[0]))
            return [values]
        return [self._outputs_of(index, row, values) for index, row in enumerate(rows)]

    def _check(self, values: Outputs, tokens: int) -> None:
        """Raises ModelError for what a graph of another task gives under the same name."""
        for name, value in values.items():
            fits = value.shape[1:2] == (tokens,) if self._each_token else value.ndim == 2
            if not fits:
                wanted = f"{name} {'of each token' if self._each_token else 'of the whole text'}"
                raise ModelError("graph-no-output", wanted=wanted, got=f"{name} {list(value.shape)}")

    def _outputs_of(self, index: int, row: Tokens, values: Outputs) -> Outputs:
        own = {name: value[index : index + 1] for name, value in values.items()}
        return {name: value[:, : len(row)] for name, value in own.items()} if self._each_token else own

    def _try(self, rows: Sequence[Tokens], run: Run) -> None:
        """Find out what is not known yet: whether a text of these is answered the same beside another one."""
        ordered = sorted((row for row in rows if self._ends(row) == self._ends(rows[0])), key=len)
        short = ordered[0]
        other = next((row for row in reversed(ordered) if row.ids != short.ids), short)
        padded = len(short) < len(other)
        if other is short or padded in self._together:
            return
        alone = self._run([short], run)[0]
        try:
            beside = self._run([short, other], run)[0]
        except EngineError:
            self._together[padded] = False
        else:
            self._together[padded] = all(same_but_for_rounding(alone[name], beside[name]) for name in alone)
