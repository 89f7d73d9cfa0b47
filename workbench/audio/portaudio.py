"""The microphones and loudspeakers of this machine. The only place that knows sounddevice."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np

from workbench.audio.devices import Device, Devices
from workbench.errors import AudioError

__all__ = ["PortAudio"]

# PortAudio lists each device of Windows once for each of its four interfaces; this is the one to use, and it converts
# rates and channels by itself.
WASAPI = "Windows WASAPI"
# What ALSA lists beside the hardware are mostly parts for building others (dmix, sysdefault, surround40 …).
ALSA_NAMES = frozenset({"default", "pulse", "pipewire"})
# Between the device and this process: a busy machine must not cost a recording any sound.
LATENCY_S = 0.1
INVALID_RATE = -9997
INVALID_CHANNELS = -9998

Kind = Literal["input", "output"]
T = TypeVar("T")


@dataclass(frozen=True)
class _Entry:
    device: Device
    index: int
    host_api: str
    latency_s: float


class PortAudio:
    """A :class:`~workbench.audio.backend.Backend`. PortAudio is asked in one thread alone: it is not made for more."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "portaudio")

    def version(self) -> str:
        """PortAudio's own words. Raises AudioError where it is missing."""
        return self._do(lambda: str(_library().get_portaudio_version()[1]))

    def devices(self) -> Devices:
        return self._do(_devices)

    def open_input(self, device: str | None, on_data: Callable[[bytes], None]) -> _Stream:
        def callback(data: Any, frames: int, time: Any, status: Any) -> None:
            on_data(bytes(data))

        return self._do(lambda: self._open("input", device, None, lambda channels: callback))

    def open_output(self, device: str | None, rate_hz: int, fill: Callable[[int], bytes]) -> _Stream:
        def callback_for(channels: int) -> Callable[..., None]:
            def callback(data: Any, frames: int, time: Any, status: Any) -> None:
                mono = fill(frames)
                data[:] = mono if channels == 1 else np.repeat(np.frombuffer(mono, np.int16), channels).tobytes()

            return callback

        return self._do(lambda: self._open("output", device, rate_hz, callback_for))

    def _open(
        self, kind: Kind, device: str | None, rate_hz: int | None, callback_for: Callable[[int], Callable[..., None]]
    ) -> _Stream:
        """One channel at the wanted rate, and what the device can do itself where it can't do that."""
        library = _library()
        entry = _chosen(library, kind, device)
        own = entry.device
        channels, rate = 1, rate_hz or own.rate_hz
        while True:
            make = library.RawInputStream if kind == "input" else library.RawOutputStream
            settings = library.WasapiSettings(auto_convert=True) if entry.host_api == WASAPI else None
            try:
                stream = make(
                    samplerate=rate,
                    device=entry.index,
                    channels=channels,
                    dtype="int16",
                    latency=max(LATENCY_S, entry.latency_s),
                    callback=callback_for(channels),
                    extra_settings=settings,
                )
                return _Stream(self._do, stream, own.name, round(stream.samplerate), channels)
            except library.PortAudioError as error:
                code = error.args[1] if len(error.args) > 1 else None
                if code == INVALID_CHANNELS and channels == 1 and own.channels > 1:
                    channels = own.channels
                elif code == INVALID_RATE and rate != own.rate_hz:
                    rate = own.rate_hz
                else:
                    raise AudioError("audio-not-opened", device=own.name, reason=_reason(error)) from error

    def _do(self, function: Callable[[], T]) -> T:
        return self._thread.submit(function).result()


class _Stream:
    def __init__(
        self, do: Callable[[Callable[[], None]], None], stream: Any, name: str, rate_hz: int, channels: int
    ) -> None:
        self._do = do
        self._stream = stream
        self.name = name
        self.rate_hz = rate_hz
        self.channels = channels
        self.latency_s = float(stream.latency)

    @property
    def active(self) -> bool:
        return bool(self._stream.active)

    def start(self) -> None:
        def start() -> None:
            try:
                self._stream.start()
            except _library().PortAudioError as error:
                raise AudioError("audio-not-opened", device=self.name, reason=_reason(error)) from error

        self._do(start)

    def close(self) -> None:
        def close() -> None:
            self._stream.abort(ignore_errors=True)  # a device that is gone cannot be stopped
            self._stream.close(ignore_errors=True)

        self._do(close)


def _library() -> Any:
    """sounddevice, which loads and starts PortAudio when it is imported. Raises AudioError."""
    try:
        import sounddevice
    except ModuleNotFoundError as error:
        raise AudioError("audio-no-sounddevice") from error
    except Exception as error:  # OSError where there is no PortAudio, its own error where it does not start
        raise AudioError("audio-no-library", reason=_reason(error)) from error
    return sounddevice


def _devices() -> Devices:
    library = _library()
    inputs, outputs = _entries(library, "input"), _entries(library, "output")
    return Devices(tuple(entry.device for entry in inputs), tuple(entry.device for entry in outputs))


def _entries(library: Any, kind: Kind) -> list[_Entry]:
    """The devices of one kind that a user can choose from, the default one first."""
    host_apis = [str(api["name"]) for api in library.query_hostapis()]
    default = _default(library, kind, host_apis)
    entries: list[_Entry] = []
    for info in library.query_devices():
        name, host_api = " ".join(str(info["name"]).split()), host_apis[info["hostapi"]]
        channels = int(info[f"max_{kind}_channels"])
        if not channels or not _offered(name, host_api, host_apis):
            continue
        number = 1 + sum(entry.device.name == name and entry.host_api == host_api for entry in entries)
        # A number only where two of one name are plugged in: the index differs from process to process.
        identity = f"{host_api}/{name}" + (f"#{number}" if number > 1 else "")
        index, latency_s = int(info["index"]), float(info[f"default_high_{kind}_latency"])
        found = Device(identity, name, index == default, round(info["default_samplerate"]), channels)
        entries.append(_Entry(found, index, host_api, latency_s))
    entries.sort(key=lambda entry: not entry.device.default)
    if entries and not entries[0].device.default:
        entries[0] = replace(entries[0], device=replace(entries[0].device, default=True))
    return entries


def _default(library: Any, kind: Kind, host_apis: list[str]) -> int:
    """The index of the system's default device, -1 where there is none."""
    if WASAPI in host_apis:
        return int(library.query_hostapis(host_apis.index(WASAPI))[f"default_{kind}_device"])
    try:
        return int(library.query_devices(kind=kind)["index"])
    except (library.PortAudioError, ValueError):
        return -1


def _offered(name: str, host_api: str, host_apis: list[str]) -> bool:
    if sys.platform == "win32":
        return host_api == WASAPI or WASAPI not in host_apis
    return host_api != "ALSA" or name in ALSA_NAMES or "(hw:" in name


def _chosen(library: Any, kind: Kind, device: str | None) -> _Entry:
    entries = _entries(library, kind)
    if not entries:
        raise AudioError("audio-no-microphone" if kind == "input" else "audio-no-loudspeaker")
    for entry in entries:
        if entry.device.id == device or (device is None and entry.device.default):
            return entry
    raise AudioError("audio-device-unknown", device=device, known=", ".join(entry.device.id for entry in entries))


def _reason(error: Exception) -> str:
    """PortAudio's words without the name of sounddevice's class, which the user does not know."""
    return re.sub(r"^Error opening \w+: ", "", str(error.args[0] if error.args else error)).strip().rstrip(".")
