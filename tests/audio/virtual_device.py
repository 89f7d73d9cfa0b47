"""A microphone and a loudspeaker without hardware, through the real PortAudio: a PulseAudio daemon of one's own.

Debian packages: libportaudio2, libasound2-plugins, pulseaudio, pulseaudio-utils. Nothing of the user's own sound is
touched: the daemon has a temporary home, socket and configuration, and ALSA is told of it by the environment alone.
"""

from __future__ import annotations

import contextlib
import ctypes.util
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

__all__ = ["VirtualDevice", "missing"]

READY_S = 20.0
RATE_HZ = 48_000
MODULES = """\
load-module module-null-sink sink_name=speaker rate={rate} channels=1 norewinds=1
load-module module-null-sink sink_name=room rate={rate} channels=1 norewinds=1
load-module module-remap-source source_name=microphone master=room.monitor
load-module module-native-protocol-unix auth-anonymous=1 socket={socket}
set-default-sink speaker
set-default-source microphone
"""
ALSA = """\
pcm.!default {{ type pulse server "unix:{socket}" }}
ctl.!default {{ type pulse server "unix:{socket}" }}
"""


def missing() -> str:
    """What must be installed for it, in words; empty where all is there."""
    tools = [name for name in ("pulseaudio", "pactl", "paplay", "parec") if shutil.which(name) is None]
    if not list(Path("/usr/lib").glob("*/alsa-lib/libasound_module_pcm_pulse.so")):
        tools.append("ALSA's plugin for PulseAudio")
    if ctypes.util.find_library("portaudio") is None:
        tools.append("PortAudio")
    return f"not installed: {', '.join(tools)}" if tools else ""


class VirtualDevice:
    """A daemon as long as the ``with`` block lasts. ``environment`` is for the process that is to use it."""

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self._stack = contextlib.ExitStack()
        self._own: dict[str, str] = {}

    def __enter__(self) -> VirtualDevice:
        with contextlib.ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sound-")))
            socket = folder / "socket"
            (folder / "modules.pa").write_text(MODULES.format(rate=RATE_HZ, socket=socket))
            (folder / "asound.conf").write_text(ALSA.format(socket=socket))
            self.environment = {"ALSA_CONFIG_PATH": str(folder / "asound.conf"), "PULSE_SERVER": f"unix:{socket}"}
            self._own = {"PATH": os.environ["PATH"], "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
            words = ["-n", "-F", str(folder / "modules.pa"), "--daemonize=no", "--exit-idle-time=-1"]
            words += ["--use-pid-file=no", "--disable-shm=yes", "--log-target=stderr"]
            with (folder / "log").open("wb") as log:
                self._daemon = stack.enter_context(self._running(["pulseaudio", *words], stderr=log))
            self._wait_until_ready(folder / "log")
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def end(self) -> None:
        """Take the devices away, as if they were unplugged."""
        self._daemon.kill()

    def speak(self, sound: Path) -> None:
        """Let the microphone hear a sound file, and return when it was heard: that takes as long as it lasts."""
        self._do("paplay", "--device=room", str(sound))

    @contextlib.contextmanager
    def speaking(self, sound: Path) -> Iterator[None]:
        """The microphone hears a sound file while the block runs."""
        with self._running(["paplay", "--device=room", str(sound)]):
            yield

    @contextlib.contextmanager
    def hearing(self, into: Path) -> Iterator[None]:
        """Write what the loudspeaker plays during the block into a WAV file."""
        words = ["parec", "--device=speaker.monitor", "--file-format=wav", f"--rate={RATE_HZ}", "--channels=1"]
        with self._running([*words, "--latency-msec=20", str(into)]) as hearing:
            deadline = time.monotonic() + READY_S
            while hearing.poll() is None and not self._do("pactl", "list", "short", "source-outputs"):
                assert time.monotonic() < deadline, "nothing listens to the loudspeaker"
                time.sleep(0.02)  # pactl tells of what is, not of what comes
            yield

    def _wait_until_ready(self, log: Path) -> None:
        deadline = time.monotonic() + READY_S
        while subprocess.run(["pactl", "info"], env=self._own | self.environment, capture_output=True).returncode:
            if self._daemon.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"PulseAudio did not start: {log.read_text(errors='replace')}")
            time.sleep(0.02)  # there is nothing that tells when the socket is there

    def _do(self, *words: str) -> bytes:
        return subprocess.run(words, env=self._own | self.environment, check=True, capture_output=True).stdout

    @contextlib.contextmanager
    def _running(self, words: list[str], **more: object) -> Iterator[subprocess.Popen[bytes]]:
        environment: Mapping[str, str] = self._own | self.environment
        process = subprocess.Popen(words, env=environment, **more)  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.terminate()
            process.wait()
