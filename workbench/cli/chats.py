"""``chat``: at a terminal with line editing and commands, by a pipe with one turn a line, or for one question."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.chatting import ANSWER_TOKENS, Conversation
from workbench.cli.foreground import STOPPED, Foreground
from workbench.cli.inputs import given_text
from workbench.cli.output import print_json, printable
from workbench.cli.runs import params_of, target_of
from workbench.cli.talk import Talk, dimmed
from workbench.errors import Cancelled, ModelError, UsageError, WorkbenchError
from workbench.saving.files import put
from workbench.tasks.catalog import check_params

__all__ = ["chat"]

PROMPT, MORE = "> ", "… "
WELCOME = "Ctrl-C stops an answer, /help lists the commands, Ctrl-D ends"
HELP = """\
/system [TEXT]   show the system prompt, or set another; /system - goes back to the model's own
/reset           begin a new conversation, with the same system prompt
/regenerate      have the last question answered again
/edit [TEXT]     ask the last question in other words
/save FILE       save the conversation: as JSON, or as Markdown where FILE ends in .md
/stats           the model, and how fast it was
/quit            end; so do Ctrl-D and a second Ctrl-C
A line that ends in \\ goes on in the next; //… sends a line that begins with /"""


def chat(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
    """Talk with a model. Raises UsageError, ModelError; what goes wrong with one answer only is told."""
    words = arguments.inputs
    if len(words) > 1:
        raise UsageError("usage-one-prompt", count=len(words))
    terminal = sys.stdin.isatty()
    if arguments.json and terminal and not words:
        raise UsageError("usage-chat-json")
    target = target_of(workbench, arguments)
    params = check_params(target.task, {"max_new_tokens": ANSWER_TOKENS} | params_of(arguments.param))
    if not workbench.can_chat(target):
        raise ModelError("chat-no-template", folder=target.choice.folder)
    system = given_text(arguments.system, cancellation) if arguments.system else None
    foreground: Foreground = arguments.foreground
    talk = Talk(workbench, target, params, Conversation(system), foreground, cancellation, silent=arguments.json)
    if words:
        talk.ask(given_text(words[0], cancellation))
        if talk.stopped and not arguments.json:  # what was written by then stands there already
            raise Cancelled
    elif terminal:
        _Prompt(talk, foreground).loop()
        cancellation.check()
        return 0
    else:
        _lines(talk, foreground)
    if arguments.json:
        print_json(talk.to_json())
        if talk.stopped:
            return STOPPED
    return 1 if talk.failed else 0


def _lines(talk: Talk, foreground: Foreground) -> None:
    """Each line of stdin is a turn, as it stands. Raises Cancelled, InputError."""
    while True:
        try:
            line = foreground.ask()
        except EOFError:
            return
        except KeyboardInterrupt:
            raise Cancelled from None
        if line.strip():
            talk.ask(line)
            if talk.stopped:
                raise Cancelled


class _Prompt:
    """Asks for lines at a terminal until the user ends it."""

    def __init__(self, talk: Talk, foreground: Foreground) -> None:
        self._talk, self._foreground = talk, foreground
        self._saved: set[Path] = set()
        self._commands: dict[str, Callable[[str], None]] = {
            "/edit": self._edit,
            "/help": lambda _: dimmed(HELP),
            "/regenerate": self._regenerate,
            "/reset": self._reset,
            "/save": self._save,
            "/stats": lambda _: dimmed("\n".join(self._talk.figures())),
            "/system": self._system,
        }

    def loop(self) -> None:
        dimmed(WELCOME)
        stopped = False
        while True:
            try:
                line = self._line()
            except EOFError:
                print()
                return
            except KeyboardInterrupt:
                print()
                if stopped:
                    return
                stopped = True
                dimmed("Ctrl-C once more ends")
                continue
            self._talk.stopped = False
            word, _, rest = line.partition(" ")
            if word == "/quit":
                return
            if word in self._commands:
                self._commands[word](rest.strip())
            elif line.startswith("/") and not line.startswith("//"):
                dimmed(f"there is no command {printable(word)}; /help lists them")
            elif line.strip():
                self._talk.ask(line.removeprefix("/") if line.startswith("//") else line)
            stopped = self._talk.stopped

    def _line(self, text: str = "") -> str:
        lines = [self._foreground.ask(PROMPT, text)]
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(self._foreground.ask(MORE))
        return "\n".join(lines)

    def _system(self, text: str) -> None:
        if text:
            self._talk.conversation = self._talk.conversation.with_system(None if text == "-" else text)
        system = self._talk.conversation.system
        dimmed("the model's own system prompt" if system is None else printable(system, keep="\n\t"))

    def _reset(self, _: str) -> None:
        self._talk.conversation = Conversation(self._talk.conversation.system)
        dimmed("a new conversation")

    def _regenerate(self, _: str) -> None:
        if self._talk.conversation.last_asked is None:
            dimmed("nothing was asked yet")
            return
        self._talk.conversation = self._talk.conversation.without_last_answer()
        self._talk.answer()

    def _edit(self, text: str) -> None:
        index = self._talk.conversation.last_asked
        if index is None:
            dimmed("nothing was asked yet")
            return
        if not text:
            try:
                text = self._line(self._talk.conversation.turns[index].text)
            except (EOFError, KeyboardInterrupt):
                print()
                return
        if text.strip():
            self._talk.conversation = self._talk.conversation.edited(index, text)
            self._talk.answer()

    def _save(self, word: str) -> None:
        if not word:
            dimmed("name the file: /save FILE")
            return
        path, conversation = Path(word).expanduser().absolute(), self._talk.conversation
        if path.exists() and path not in self._saved:
            dimmed(f"{printable(str(path))} is there already; name another file")
            return
        if path.suffix.lower() == ".md":
            text = conversation.to_markdown()
        else:
            text = json.dumps(conversation.to_json(), ensure_ascii=False, indent=2) + "\n"
        try:
            put(path, text.encode("utf-8", "replace"))
        except WorkbenchError as error:
            print(f"workbench: {error}", file=sys.stderr)
            return
        self._saved.add(path)
        dimmed(f"saved {printable(str(path))}")
