"""A conversation in the terminal: asks the model, shows the answer as it comes, keeps what was said."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import Any

from workbench.api import RunTarget, Workbench
from workbench.cancellation import Cancellation
from workbench.chatting import Conversation
from workbench.cli.foreground import Foreground
from workbench.cli.output import printable
from workbench.errors import Cancelled, WorkbenchError, error_to_wire
from workbench.results import Result, Text
from workbench.running import RunReport
from workbench.units import duration

__all__ = ["Talk", "dimmed"]


class Talk:
    """One model and the conversation with it. ``stopped`` says whether the user stopped the last answer."""

    def __init__(
        self,
        workbench: Workbench,
        target: RunTarget,
        params: Mapping[str, Any],
        conversation: Conversation,
        foreground: Foreground,
        cancellation: Cancellation,
        *,
        silent: bool = False,
    ) -> None:
        """With ``silent`` no answer is written to stdout."""
        self.conversation = conversation
        self.stopped = False
        self.failed = False
        self._workbench, self._target, self._params = workbench, target, params
        self._foreground, self._cancellation, self._silent = foreground, cancellation, silent
        self._report: RunReport | None = None
        self._turns: list[dict[str, Any]] = []

    def ask(self, text: str) -> None:
        """Say something and have it answered."""
        self.conversation = self.conversation.with_user(text)
        self.answer()

    def answer(self) -> None:
        """Have the last question answered. An error is told and leaves it open, a stop keeps what was written.

        Raises Cancelled when the whole command is to stop.
        """
        shown = _Shown(self._silent)
        inputs = [{"messages": self.conversation.messages()}]
        self.stopped = False
        try:
            with self._foreground.part(self._cancellation) as part:
                report = self._workbench.run(
                    self._target, inputs, self._params, on_partial=shown.partial, cancellation=part
                )
        except Cancelled:
            shown.end()
            if shown.text:
                self.conversation = self.conversation.with_answer(shown.text)
            self._cancellation.check()
            self.stopped = True
            self._turns.append({"result": None, "stopped": True})
            return
        except WorkbenchError as error:
            shown.end()
            self._fail(error)
            return
        self._report = report
        (item,) = report.items
        if isinstance(item.result, Text):
            shown.partial(0, item.result)
        shown.end()
        for notice in (*report.warnings, *item.warnings):
            print(f"workbench: {notice}", file=sys.stderr)
        if item.error:
            self._fail(item.error)
        elif isinstance(item.result, Text):
            self.conversation = self.conversation.with_answer(item.result.text)
            self._turns.append({name: value for name, value in item.to_json().items() if name != "input"})
            dimmed(_told(item.result))

    def to_json(self) -> dict[str, Any]:
        """The whole conversation, and what became of each turn."""
        got = self._report.providers_got if self._report else ()
        return {
            "task": self._target.task.id,
            "model": self._target.choice.name,
            "variant": self._target.variant,
            "choice": self._target.reason,
            "providers": {"asked": self._target.choice.provider, "got": list(got)},
            "messages": self.conversation.messages(),
            "turns": self._turns,
        }

    def figures(self) -> list[str]:
        """Lines about the model and the last answer."""
        report, target = self._report, self._target
        where = f" on {', '.join(report.providers_got)}" if report else ""
        lines = [
            f"{target.choice.name}, {target.variant} ({target.reason}){where}",
            f"{len(self.conversation.turns)} turns, "
            f"{sum(len(turn.text) for turn in self.conversation.turns)} characters",
        ]
        result = report.items[0].result if report else None
        if report and isinstance(result, Text):
            lines.append(f"last answer: {_told(result)}; {duration(report.total_s)} in all")
            if result.speed:
                speed = result.speed
                lines.append(f"its prompt: {speed.prompt_tokens} tokens, {speed.cached_tokens} of them known already")
        return lines

    def _fail(self, error: WorkbenchError) -> None:
        self.failed = True
        self._turns.append({"result": None, "error": error_to_wire(error)})
        print(f"workbench: {error}", file=sys.stderr)


class _Shown:
    """Writes an answer to stdout while it grows."""

    def __init__(self, silent: bool) -> None:
        self.text = ""
        self._silent = silent
        self._written = 0

    def partial(self, index: int, result: Result) -> None:
        if not isinstance(result, Text):
            return
        self.text = result.text
        text = printable(result.text, keep="\n\t")
        if not self._silent:
            sys.stdout.write(text[self._written :])
            sys.stdout.flush()
        self._written = len(text)

    def end(self) -> None:
        """End the line that was begun, an empty answer too, so that each has its own."""
        if not self._silent:
            print(flush=True)


def dimmed(text: str) -> None:
    """Something beside the conversation, for who sits at a terminal."""
    if sys.stderr.isatty():
        plain = "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
        print(text if plain else f"\x1b[2m{text}\x1b[0m", file=sys.stderr, flush=True)


def _told(result: Text) -> str:
    parts = [f"{result.token_count} tokens"]
    speed = result.speed
    if speed:
        if speed.tokens_per_s is not None:
            parts.append(f"{speed.tokens_per_s:.1f} tokens/s")
        parts.append(f"the first after {duration(speed.first_token_s)}")
    if result.finish == "length":
        parts.append("cut off there (--param max_new_tokens=N)")
    return ", ".join(parts)
