"""A model's chat template: how the messages of a conversation become the text that the model reads.

Read and rendered as transformers 4.57 does (``apply_chat_template(messages, add_generation_prompt=…)``): the template
is that of ``chat_template.jinja``, else of ``chat_template.json``, else ``chat_template`` in ``tokenizer_config.json``,
where several may stand by their names and ``default`` counts. It is a stranger's program, so it runs in
:mod:`workbench.runtime.template_sandbox`, for a limited time and with a limited amount of text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from jinja2 import Template, TemplateError, TemplateSyntaxError

from workbench.cancellation import Cancellation
from workbench.errors import InputError, ModelError, WorkbenchError
from workbench.runtime.template_limits import Budget, Halt, TooLarge, TooSlow, deadline
from workbench.runtime.template_sandbox import ChatEnvironment, Refused
from workbench.tasks.base import ModelFiles

__all__ = ["ChatTemplate", "Message"]

Message = Mapping[str, str]

# Processor time for one rendering; the longest of known templates take some milliseconds.
LIMIT_S = 3.0
# Characters that one rendering may make: these, and so many for each character of the messages. Templates copy a
# message some times over before they print it.
LIMIT_CHARACTERS, PER_CHARACTER = 8 << 20, 64
MAX_TEMPLATE_CHARACTERS = 1 << 20
MAX_REASON = 300

TOKENS = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
# What tokenizer classes of transformers say where the files do not, by their names without "Tokenizer[Fast]".
OF_CLASS: dict[str, dict[str, str]] = {
    "CodeLlama": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
    "GPT2": dict.fromkeys(("unk_token", "bos_token", "eos_token"), "<|endoftext|>"),
    "Gemma": {"unk_token": "<unk>", "bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>"},
    "Llama": {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"},
    "Qwen2": dict.fromkeys(("unk_token", "eos_token", "pad_token"), "<|endoftext|>"),
}


class ChatTemplate:
    """The template of one model. For one thread at a time."""

    def __init__(self, source: str, file: Path, tokens: Mapping[str, Any] | None = None) -> None:
        """``file`` is where the template stands; ``tokens`` are the special tokens by their roles."""
        self.source = source
        self.file = file
        self.tokens = dict(tokens or {})
        self._environment = ChatEnvironment()

    @classmethod
    def of_model(cls, files: ModelFiles) -> ChatTemplate | None:
        """The template of a model, None where it has none. Raises ModelError: a file that cannot be read."""
        settings = files.read_json("tokenizer_config.json") or {}
        found = _source(files, settings)
        return cls(*found, _special_tokens(files, settings)) if found else None

    def render(
        self,
        messages: Sequence[Message],
        *,
        add_generation_prompt: bool = True,
        cancellation: Cancellation | None = None,
    ) -> str:
        """The text of the whole conversation, special tokens written out; with ``add_generation_prompt`` it ends where
        the model's answer begins.

        Raises ModelError for a template that is broken or does not end, InputError for messages that it refuses, with
        its own words, and Cancelled.
        """
        characters = sum(len(value) for message in messages for value in message.values())
        self._environment.budget = Budget(LIMIT_CHARACTERS + PER_CHARACTER * characters)
        try:
            with deadline(LIMIT_S, cancellation or Cancellation()):
                return self._template.render(
                    messages=[dict(message) for message in messages],
                    tools=None,
                    documents=None,
                    add_generation_prompt=add_generation_prompt,
                    **self.tokens,
                )
        except Halt as halt:
            raise self._ended(halt.reason) from None
        except Refused as error:
            raise InputError("chat-template-refuses", reason=str(error)[:MAX_REASON]) from None
        except TemplateSyntaxError as error:
            raise self._broken(f"line {error.lineno}: {error.message}") from error
        except TemplateError as error:
            raise self._broken(str(error)) from error
        except MemoryError:
            raise self._ended(TooLarge()) from None
        except RecursionError as error:
            raise self._broken("it is nested too deep, or calls itself without end") from error
        except Exception as error:  # whatever a stranger's program does wrong
            raise self._broken(f"{type(error).__name__}: {error}") from error

    @cached_property
    def _template(self) -> Template:
        if len(self.source) > MAX_TEMPLATE_CHARACTERS:
            raise Halt(TooLarge())
        return self._environment.template(self.source)

    def _ended(self, reason: Exception) -> Exception:
        if isinstance(reason, TooSlow):
            return ModelError("chat-template-too-slow", file=self.file, seconds=LIMIT_S)
        if isinstance(reason, TooLarge):
            return ModelError("chat-template-too-large", file=self.file)
        return reason

    def _broken(self, reason: str) -> WorkbenchError:
        return ModelError("chat-template-broken", file=self.file, reason=reason[:MAX_REASON])


def _source(files: ModelFiles, settings: Mapping[str, Any]) -> tuple[str, Path] | None:
    """The template and the file that it stands in. Raises ModelError."""
    path = files.folder / "chat_template.jinja"
    try:
        return path.read_text("utf-8"), path
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as error:
        raise ModelError("model-bad-file", file=path, reason=error) from error
    of_processor = files.read_json("chat_template.json") or {}
    for name, values in (("chat_template.json", of_processor), ("tokenizer_config.json", settings)):
        if values.get("chat_template") is not None:
            return _default(values["chat_template"], files.folder / name), files.folder / name
    return None


def _default(value: Any, file: Path) -> str:
    """A template, or the one named ``default`` of several. Raises ModelError."""
    if isinstance(value, list):
        named = {item.get("name"): item.get("template") for item in value if isinstance(item, dict)}
        value = named.get("default")
        if value is None:
            reason = f"it has templates named {', '.join(map(str, named)) or 'nothing'}, and none named default"
            raise ModelError("chat-template-broken", file=file, reason=reason)
    if not isinstance(value, str):
        raise ModelError("chat-template-broken", file=file, reason=f"it is no text, but a {type(value).__name__}")
    return value


def _special_tokens(files: ModelFiles, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The special tokens by their roles, as transformers hands them to a template; roles without one are left out."""
    family = str(settings.get("tokenizer_class") or "").removesuffix("Fast").removesuffix("Tokenizer")
    values: dict[str, Any] = {**OF_CLASS.get(family, {}), **settings}
    if "added_tokens_decoder" not in settings:  # an older layout, in which this file goes before the other
        values |= files.read_json("special_tokens_map.json") or {}
    extra = values.get("extra_special_tokens")
    extra = extra if isinstance(extra, dict) else {}
    found: dict[str, Any] = {name: _text({**extra, **values}.get(name)) for name in (*TOKENS, *extra)}
    more = values.get("additional_special_tokens")
    found["additional_special_tokens"] = [_text(token) for token in more] if isinstance(more, list) else None
    return {name: value for name, value in found.items() if value}


def _text(token: Any) -> str | None:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None
