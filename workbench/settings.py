"""The user's settings: a small JSON file, each value of which an environment variable can override.

A setting is declared once, as a field of :class:`Settings`; the file, the variable ``WORKBENCH_<NAME>``, the command
line and a form take its name, its kind and its help from there.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from workbench.errors import UsageError, WorkbenchError
from workbench.files import write_atomically
from workbench.providers import PROVIDERS as KNOWN_PROVIDERS
from workbench.providers import builtin_names
from workbench.thread_limit import most_threads

__all__ = [
    "DATA_DIR_VARIABLE",
    "SettingRow",
    "Settings",
    "change_setting",
    "data_dir",
    "default_hub_cache",
    "settings_path",
    "starter_hub",
]

APP = "offline-ai-workbench"
DATA_DIR_VARIABLE = "WORKBENCH_DATA_DIR"
MAX_FILE_BYTES = 1 << 20
# What a list offers at first; plug-ins can be named as well.
PROVIDERS = ("auto", *builtin_names())
ALL_PROVIDERS = ("auto", *KNOWN_PROVIDERS)
THEMES = ("system", "light", "dark")
LANGUAGES = ("system", "en", "zh_CN")
MAX_NAME = 500
# Of a file, which may have been written on the largest machine there is.
MAX_THREADS = 4096

Kind = Literal["path", "paths", "text", "name", "count", "bytes"]
Origin = Literal["default", "file", "environment", "command line"]


def data_dir() -> Path:
    """The app's own folder: ``WORKBENCH_DATA_DIR``, else the system's place for user data."""
    named = os.environ.get(DATA_DIR_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    from platformdirs import user_data_dir

    return Path(user_data_dir(APP, appauthor=False))


def settings_path() -> Path:
    """The settings file: in ``WORKBENCH_DATA_DIR`` where that is set, else in the system's place for configuration."""
    if os.environ.get(DATA_DIR_VARIABLE):
        return data_dir() / "settings.json"
    from platformdirs import user_config_dir

    return Path(user_config_dir(APP, appauthor=False)) / "settings.json"


def starter_hub() -> Path:
    """A second hub cache that is always listed; the demo's starter model lies there."""
    return data_dir() / "hub"


def default_hub_cache() -> Path:
    """Where huggingface_hub 2.4 keeps its cache: the same variables in the same order, without importing it."""
    environment = os.environ
    cache_home = environment.get("XDG_CACHE_HOME") or os.path.join("~", ".cache")  # noqa: PTH118
    home = environment.get("HF_HOME") or os.path.join(cache_home, "huggingface")  # noqa: PTH118
    hub = os.path.join(_expanded(home), "hub")  # noqa: PTH118
    named = environment.get("HF_HUB_CACHE") or environment.get("HUGGINGFACE_HUB_CACHE")
    return Path(_expanded(named) if named else hub).absolute()


@dataclass(frozen=True)
class SettingRow:
    """One setting as fronts show it. ``value`` is what is in force, as JSON has it; ``shown`` is the same as text."""

    name: str
    value: Any
    shown: str
    origin: str
    help: str
    choices: tuple[str, ...] = ()


def _about(kind: Kind, help_: str, choices: tuple[str, ...] = ()) -> dict[str, Any]:
    return {"kind": kind, "help": help_, "choices": choices}


@dataclass(frozen=True)
class Settings:
    """What the user chose; None stands for "as the workbench thinks best", which the properties work out."""

    hub_cache: Path | None = field(
        default=None,
        metadata=_about("path", "The Hugging Face cache to read (default: HF_HUB_CACHE, HF_HOME or the usual place)"),
    )
    model_folders: tuple[Path, ...] = field(
        default=(),
        metadata=_about("paths", f"More folders with models; a JSON list, or paths with {os.pathsep!r} between them"),
    )
    artifacts_dir: Path | None = field(
        default=None, metadata=_about("path", "Where exported models are kept (default: in the data folder)")
    )
    toolchain_python: Path | None = field(
        default=None,
        metadata=_about("path", "The Python of an export toolchain of your own (default: the one that is installed)"),
    )
    provider: str = field(
        default="auto", metadata=_about("text", "The execution provider to run models on", ALL_PROVIDERS)
    )
    threads: int = field(
        default=0,
        metadata=_about("count", "Processor threads for running a model; 0: as measured, else onnxruntime's choice"),
    )
    memory_budget_bytes: int | None = field(
        default=None,
        metadata=_about("bytes", "Memory that loaded models may take together (default: half of the machine's)"),
    )
    theme: str = field(default="system", metadata=_about("text", "The colours of the window", THEMES))
    language: str = field(default="system", metadata=_about("text", "The language of the window", LANGUAGES))
    microphone: str | None = field(
        default=None, metadata=_about("name", "The microphone to record from (default: the system's)")
    )
    # Where each value that is not the default came from. No setting itself: it decides what is written to the file.
    origins: Mapping[str, Origin] = field(default_factory=dict, compare=False, repr=False)

    @property
    def usable_threads(self) -> int:
        """``threads``, or 0 where that is more than can be asked for here: the file was written on a larger machine.

        As many as can be asked for would be no better: far more than there are processors, and slower for it.
        """
        return self.threads if self.threads <= most_threads() else 0

    @property
    def hub_cache_folder(self) -> Path:
        return self.hub_cache or default_hub_cache()

    @property
    def artifacts_folder(self) -> Path:
        return self.artifacts_dir or data_dir() / "artifacts"

    @property
    def memory_limit_bytes(self) -> int:
        """``memory_budget_bytes``, else half of the machine's memory."""
        if self.memory_budget_bytes is not None:
            return self.memory_budget_bytes
        import psutil

        return int(psutil.virtual_memory().total) // 2

    @classmethod
    def load(cls, path: Path | None = None) -> Settings:
        """The settings of the file (none: all defaults) with the overrides of the environment.

        Raises UsageError that names the file, or the variable, and the setting which cannot be used.
        """
        settings = cls._read(path or settings_path())
        for item in _declared():
            variable = f"WORKBENCH_{item.name.upper()}"
            text = os.environ.get(variable)
            if text:
                try:
                    settings = settings.with_value(item.name, text, "environment")
                except UsageError as error:
                    raise UsageError("settings-bad-variable", variable=variable, reason=error) from error
        return settings

    def save(self, path: Path | None = None) -> None:
        """Write the file in one step. Holds what came from it or was changed for it, no override of this one call.

        Raises WorkbenchError where it cannot be written.
        """
        kept = {
            item.name: _to_json(getattr(self, item.name))
            for item in _declared()
            if self.origins.get(item.name) == "file"
        }
        path = path or settings_path()
        text = json.dumps(kept, ensure_ascii=False, indent=2) + "\n"
        try:
            # A name of a file that is not UTF-8 is kept with escapes, which JSON knows.
            write_atomically(path, text.encode("utf-8", "backslashreplace").decode("utf-8"))
        except OSError as error:
            raise WorkbenchError("settings-not-written", file=path, reason=error.strerror or error) from error

    def with_value(self, name: str, text: str, origin: Origin = "command line") -> Settings:
        """With one setting from its text; an empty one restores the default. Raises UsageError, also for more threads
        than can be asked for on this machine, which a file may name."""
        item = _setting_named(name)
        if not text.strip():
            return self._with(name, item.default, None)
        value: Any = text.strip()
        if item.metadata["kind"] in ("count", "bytes"):
            value = _number(text)
        elif item.metadata["kind"] == "paths":
            value = [str(Path(_expanded(word)).absolute()) for word in _words(text)]
        elif item.metadata["kind"] == "path":
            value = str(Path(_expanded(value)).absolute())
        most = most_threads() if item.metadata["kind"] == "count" else MAX_THREADS
        return self._with(name, _check(item, value, most), origin)

    def describe(self) -> tuple[SettingRow, ...]:
        """All settings with the values in force, and the data folder, which only an environment variable can move."""
        in_force: dict[str, Any] = {
            "hub_cache": self.hub_cache_folder,
            "artifacts_dir": self.artifacts_folder,
            "memory_budget_bytes": self.memory_limit_bytes,
            "threads": self.usable_threads,
        }
        origin = "environment" if os.environ.get(DATA_DIR_VARIABLE) else "default"
        help_ = f"Settings, toolchains, exported models; set {DATA_DIR_VARIABLE} to move it"
        rows = [SettingRow("data_dir", str(data_dir()), str(data_dir()), origin, help_)]
        for item in _declared():
            value = _to_json(in_force.get(item.name, getattr(self, item.name)))
            shown = "–" if value in (None, []) else ", ".join(value) if isinstance(value, list) else str(value)
            if item.name == "threads" and value != self.threads:
                shown = f"{value}, as {self.threads} are more than this machine can run ({most_threads()})"
            origin = self.origins.get(item.name, "default")
            rows.append(SettingRow(item.name, value, shown, origin, item.metadata["help"], item.metadata["choices"]))
        return tuple(rows)

    def _with(self, name: str, value: Any, origin: Origin | None) -> Settings:
        origins = {key: kept for key, kept in self.origins.items() if key != name}
        changes: dict[str, Any] = {name: value, "origins": origins | ({name: origin} if origin else {})}
        return replace(self, **changes)

    @classmethod
    def _read(cls, path: Path) -> Settings:
        try:
            status = path.stat()
            if not stat.S_ISREG(status.st_mode):
                raise ValueError("it is no file")
            if status.st_size > MAX_FILE_BYTES:
                raise ValueError(f"it is larger than {MAX_FILE_BYTES >> 20} MiB")
            document = json.loads(path.read_text("utf-8"))
        except FileNotFoundError:
            return cls()
        except NotADirectoryError as error:
            raise UsageError("settings-no-folder", folder=path.parent, file=_file_in_the_way(path.parent)) from error
        except OSError as error:
            raise UsageError("settings-not-read", file=path, reason=error.strerror or error) from error
        except (ValueError, RecursionError) as error:
            raise UsageError("settings-unreadable", file=path, reason=error) from error
        if not isinstance(document, dict):
            raise UsageError("settings-unreadable", file=path, reason="not a JSON object")
        values: dict[str, Any] = {}
        for name, value in document.items():
            try:
                values[name] = _check(_setting_named(name), value)
            except UsageError as error:
                raise UsageError("settings-bad-entry", file=path, name=name, reason=error) from error
        return cls(**values, origins=dict.fromkeys(values, "file"))


def change_setting(name: str, text: str, path: Path | None = None) -> Settings:
    """Change one setting in the file; returns what is in force afterwards.

    Raises UsageError, WorkbenchError where the file cannot be written.
    """
    path = path or settings_path()
    Settings._read(path).with_value(name, text, "file").save(path)
    return Settings.load(path)


def _file_in_the_way(folder: Path) -> Path:
    """What is a file where this folder needs one."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def _declared() -> list[Field[Any]]:
    return [item for item in fields(Settings) if item.metadata]


def _setting_named(name: str) -> Field[Any]:
    known = {item.name: item for item in _declared()}
    if name == "data_dir":
        raise UsageError("settings-fixed", name=name, variable=DATA_DIR_VARIABLE)
    if name not in known:
        raise UsageError("settings-unknown", name=name, known=", ".join(known))
    return known[name]


def _check(item: Field[Any], value: Any, most: int = MAX_THREADS) -> Any:
    """The value of a setting out of the JSON value; a count is at most ``most``. Raises UsageError with what was
    expected."""
    kind, choices = item.metadata["kind"], item.metadata["choices"]
    if value is None and item.default is None:
        return None
    checks: dict[Kind, tuple[Callable[[Any], bool], str]] = {
        "path": (_is_path, "an absolute path"),
        "paths": (lambda v: isinstance(v, list) and all(map(_is_path, v)), "a list of absolute paths"),
        "text": (lambda v: v in choices, "one of " + ", ".join(choices)),
        "name": (lambda v: isinstance(v, str) and 0 < len(v) <= MAX_NAME and v.isprintable(), "a name"),
        "count": (lambda v: type(v) is int and 0 <= v <= most, f"a whole number from 0 to {most}"),
        "bytes": (lambda v: type(v) is int and v > 0, "a whole number of bytes, at least 1"),
    }
    good, expected = checks[kind]
    if not good(value):
        raise UsageError("settings-bad-value", name=item.name, value=value, expected=expected)
    if kind == "paths":
        return tuple(Path(_expanded(word)) for word in value)
    return Path(_expanded(value)) if kind == "path" else value


def _is_path(value: Any) -> bool:
    if not isinstance(value, str) or "\0" in value:
        return False
    try:
        os.fsencode(value)  # half a character, as JSON can have it, is in no file's name
    except UnicodeEncodeError:
        return False
    return Path(_expanded(value)).is_absolute()


def _expanded(text: str) -> str:
    return os.path.expandvars(os.path.expanduser(text))  # noqa: PTH111, unlike pathlib's it leaves ~unknown alone


def _number(text: str) -> int | str:
    try:
        return int(text.strip().replace("_", ""))
    except ValueError:
        return text


def _words(text: str) -> list[str]:
    if text.strip().startswith("["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            raise UsageError(
                "settings-bad-value", name="model_folders", value=text, expected='a JSON list as ["/a/b", "/c"]'
            )
        return value
    return [word for word in text.split(os.pathsep) if word.strip()]


def _to_json(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(item) for item in value]
    return str(value) if isinstance(value, Path) else value
