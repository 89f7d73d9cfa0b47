"""The core, opened: its settings and the processes that work for it, each begun with the first request."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from workbench.audio.host import AudioHost
from workbench.engine.host import EngineHost
from workbench.errors import Cancelled
from workbench.settings import Settings, change_setting, settings_path

__all__ = ["Opened"]


class Opened:
    """The core, opened with settings and closed by ``close`` or at the end of a ``with`` block."""

    def __init__(self, settings: Settings | None = None, audio: AudioHost | None = None) -> None:
        """``audio`` replaces the machine's microphones and loudspeakers. Raises UsageError where the settings' file
        cannot be used."""
        self._settings = settings or Settings.load()
        self._host: EngineHost | None = None
        self._audio = audio
        self._lock = threading.Lock()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the engine and the audio process, where there are any. Requests in flight raise Cancelled."""
        with self._lock:
            self._closed = True
        for host in (self._host, self._audio):
            if host:
                host.close()

    @property
    def engine(self) -> EngineHost:
        """The engine's host; its process begins with the first request, or with ``engine.start()``."""
        with self._lock:
            self._check_open()
            if self._host is None:
                self._host = EngineHost(self._settings.memory_limit_bytes)
            return self._host

    @property
    def audio(self) -> AudioHost:
        """The audio process's host; like the engine it begins with the first request, or with ``audio.start()``."""
        with self._lock:
            self._check_open()
            if self._audio is None:
                self._audio = AudioHost()
            return self._audio

    def _check_open(self) -> None:
        if self._closed:
            raise Cancelled

    @property
    def settings(self) -> Settings:
        return self._settings

    @property
    def settings_file(self) -> Path:
        return settings_path()

    def change_setting(self, name: str, value: str) -> None:
        """Change one setting in the file; an empty value restores the default.

        Raises UsageError, WorkbenchError where the file cannot be written.
        """
        self._settings = change_setting(name, value)
