"""How PortAudio's lists become devices, and its refusals errors; with a stand-in for sounddevice."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from workbench.audio import portaudio
from workbench.audio.devices import Device, Devices
from workbench.audio.portaudio import PortAudio
from workbench.audio.probe import probe
from workbench.errors import AudioError

INVALID_DEVICE = -9996


class PortAudioError(Exception):
    pass


class Library:
    """As much of sounddevice as is used. ``refuse`` gets the arguments of each stream that is opened."""

    PortAudioError = PortAudioError

    def __init__(
        self,
        host_apis: list[str],
        devices: list[tuple[str, str, int, int]],
        refuse: Callable[[dict[str, Any]], None] = lambda arguments: None,
    ) -> None:
        self.opened: list[dict[str, Any]] = []
        self._host_apis = host_apis
        self._devices = [
            {
                "name": name,
                "index": index,
                "hostapi": host_apis.index(host_api),
                "max_input_channels": inputs,
                "max_output_channels": outputs,
                "default_samplerate": 48_000.0,
                "default_high_input_latency": 0.03,
                "default_high_output_latency": 0.2,
            }
            for index, (host_api, name, inputs, outputs) in enumerate(devices)
        ]
        self._refuse = refuse

    def query_hostapis(self, index: int | None = None) -> Any:
        rows = [{"name": name, "default_input_device": 3, "default_output_device": -1} for name in self._host_apis]
        return rows if index is None else rows[index]

    def query_devices(self, kind: str | None = None) -> Any:
        if kind is None:
            return self._devices
        known = [device for device in self._devices if device[f"max_{kind}_channels"]]
        if not known:
            raise PortAudioError("Error querying device -1")
        return known[-1]

    def get_portaudio_version(self) -> tuple[int, str]:
        return 1, "PortAudio V0"

    def WasapiSettings(self, **settings: Any) -> Any:
        return settings

    def RawInputStream(self, **arguments: Any) -> Any:
        self._refuse(arguments)
        self.opened.append(arguments)
        return SimpleNamespace(samplerate=float(arguments["samplerate"]), latency=0.1, active=True)

    RawOutputStream = RawInputStream


@pytest.fixture
def backend_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Library], PortAudio]]:
    backends: list[PortAudio] = []

    def make(library: Library) -> PortAudio:
        monkeypatch.setattr(portaudio, "_library", lambda: library)
        backends.append(PortAudio())
        return backends[-1]

    yield make
    for backend in backends:
        backend._thread.shutdown()


ALSA = [
    ("ALSA", "HDA Intel: ALC257 Analog (hw:0,0)", 2, 2),
    ("ALSA", "USB Mic:  Audio (hw:1,0)", 1, 0),
    ("ALSA", "sysdefault", 128, 128),
    ("ALSA", "surround40", 0, 2),
    ("ALSA", "dmix", 0, 2),
    ("ALSA", "pulse", 32, 32),
    ("ALSA", "default", 32, 32),
    ("JACK Audio Connection Kit", "system", 2, 2),
]


def test_alsa_s_parts_are_not_offered(backend_of: Callable[[Library], PortAudio]) -> None:
    devices = backend_of(Library(["ALSA", "JACK Audio Connection Kit"], ALSA[:-1])).devices()
    assert devices.inputs == (
        Device("ALSA/default", "default", True, 48_000, 32),
        Device("ALSA/HDA Intel: ALC257 Analog (hw:0,0)", "HDA Intel: ALC257 Analog (hw:0,0)", False, 48_000, 2),
        Device("ALSA/USB Mic: Audio (hw:1,0)", "USB Mic: Audio (hw:1,0)", False, 48_000, 1),
        Device("ALSA/pulse", "pulse", False, 48_000, 32),
    )
    assert [device.name for device in devices.outputs] == ["default", "HDA Intel: ALC257 Analog (hw:0,0)", "pulse"]


def test_other_interfaces_are_offered_as_they_are(backend_of: Callable[[Library], PortAudio]) -> None:
    devices = backend_of(Library(["ALSA", "JACK Audio Connection Kit"], ALSA)).devices()
    assert devices.inputs[0] == Device("JACK Audio Connection Kit/system", "system", True, 48_000, 2)


def test_where_the_default_is_not_offered_the_first_one_is(backend_of: Callable[[Library], PortAudio]) -> None:
    devices = backend_of(Library(["ALSA"], [*ALSA[:3]])).devices()
    assert [(device.name, device.default) for device in devices.inputs] == [
        ("HDA Intel: ALC257 Analog (hw:0,0)", True),
        ("USB Mic: Audio (hw:1,0)", False),
    ]


def test_two_of_one_name_can_be_told_apart(backend_of: Callable[[Library], PortAudio]) -> None:
    twins = [("Core Audio", "Microphone", 1, 0), ("Core Audio", "Microphone", 1, 0)]
    devices = backend_of(Library(["Core Audio"], twins)).devices()
    assert {device.id for device in devices.inputs} == {"Core Audio/Microphone", "Core Audio/Microphone#2"}


def test_on_windows_each_device_is_listed_once(
    backend_of: Callable[[Library], PortAudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    names = ["MME", "Windows WASAPI", "Windows WDM-KS"]
    library = Library(names, [(api, name, 2, 0) for api in names for name in ("Array", "Headset")])
    backend = backend_of(library)
    assert [(device.id, device.default) for device in backend.devices().inputs] == [
        ("Windows WASAPI/Headset", True),
        ("Windows WASAPI/Array", False),
    ]
    backend.open_input(None, lambda data: None)
    assert library.opened[0]["device"] == 3
    assert library.opened[0]["extra_settings"] == {"auto_convert": True}


def test_nothing_is_there(backend_of: Callable[[Library], PortAudio]) -> None:
    backend = backend_of(Library(["ALSA"], []))
    assert backend.devices() == Devices()
    with pytest.raises(AudioError) as caught:
        backend.open_input(None, lambda data: None)
    assert caught.value.code == "audio-no-microphone"
    with pytest.raises(AudioError) as caught:
        backend.open_output(None, 16_000, lambda frames: b"")
    assert caught.value.code == "audio-no-loudspeaker"


def test_an_unknown_device_is_named_with_those_there_are(backend_of: Callable[[Library], PortAudio]) -> None:
    with pytest.raises(AudioError, match="ALSA/default") as caught:
        backend_of(Library(["ALSA"], ALSA[:-1])).open_input("ALSA/gone", lambda data: None)
    assert caught.value.code == "audio-device-unknown"


def test_a_microphone_is_opened_at_its_own_rate_with_one_channel(backend_of: Callable[[Library], PortAudio]) -> None:
    library = Library(["ALSA"], ALSA[:-1])
    stream = backend_of(library).open_input("ALSA/USB Mic: Audio (hw:1,0)", lambda data: None)
    assert (stream.rate_hz, stream.channels) == (48_000, 1)
    assert (library.opened[0]["device"], library.opened[0]["dtype"], library.opened[0]["latency"]) == (1, "int16", 0.1)


def test_a_device_that_cannot_do_what_is_wanted_does_what_it_can(backend_of: Callable[[Library], PortAudio]) -> None:
    def refuse(arguments: dict[str, Any]) -> None:
        if arguments["channels"] == 1:
            raise PortAudioError(
                "Error opening RawOutputStream: Invalid number of channels", portaudio.INVALID_CHANNELS
            )
        if arguments["samplerate"] == 16_000:
            raise PortAudioError("Error opening RawOutputStream: Invalid sample rate", portaudio.INVALID_RATE)

    library = Library(["ALSA"], ALSA[:1], refuse)
    stream = backend_of(library).open_output(None, 16_000, lambda frames: b"\1\0\2\0")
    assert (stream.rate_hz, stream.channels) == (48_000, 2)
    data = bytearray(8)
    library.opened[0]["callback"](memoryview(data), 2, None, None)
    assert bytes(data) == b"\1\0\1\0\2\0\2\0"


def test_a_refusal_says_portaudio_s_reason(backend_of: Callable[[Library], PortAudio]) -> None:
    def refuse(arguments: dict[str, Any]) -> None:
        raise PortAudioError("Error opening RawInputStream: Device unavailable", INVALID_DEVICE)

    with pytest.raises(AudioError, match=r"ALC257.* cannot be opened \(Device unavailable\)") as caught:
        backend_of(Library(["ALSA"], ALSA[:1], refuse)).open_input(None, lambda data: None)
    assert caught.value.code == "audio-not-opened"


def test_what_the_microphone_delivers_is_copied(backend_of: Callable[[Library], PortAudio]) -> None:
    library, got = Library(["ALSA"], ALSA[:1]), list[bytes]()
    backend_of(library).open_input(None, got.append)
    data = bytearray(b"\1\0")
    library.opened[0]["callback"](data, 1, None, None)
    data[0] = 9  # PortAudio uses the place again
    assert got == [b"\1\0"]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ModuleNotFoundError("No module named 'sounddevice'"), r"\[gui\]"),
        (OSError("PortAudio library not found"), "apt install libportaudio2"),
        (PortAudioError("Error initializing PortAudio", -9999), "Error initializing PortAudio"),
    ],
)
def test_why_there_is_no_portaudio(monkeypatch: pytest.MonkeyPatch, error: Exception, text: str) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name == "sounddevice":
            raise error
        return real(name, *more)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", without)
    backend = PortAudio()
    with pytest.raises(AudioError, match=text):
        backend.devices()
    backend._thread.shutdown()


def test_the_doctor_hears_names_or_a_reason(
    backend_of: Callable[[Library], PortAudio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("workbench.audio.probe.PortAudio", lambda: backend_of(Library(["ALSA"], ALSA[1:2])))
    assert probe() == {
        "portaudio": "PortAudio V0",
        "inputs": ["USB Mic: Audio (hw:1,0)"],
        "outputs": [],
        "error": None,
    }

    class Missing(PortAudio):
        def version(self) -> str:
            raise AudioError("audio-no-sounddevice")

    monkeypatch.setattr("workbench.audio.probe.PortAudio", Missing)
    found = probe()
    assert found["portaudio"] is None
    assert "[gui]" in found["error"]["message"]
