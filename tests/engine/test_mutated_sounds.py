"""Damaged sound files through the engine: a clear error or an answer for each, and never its end."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import soundfile
from onnx import TensorProto, helper

from workbench.engine.host import EngineHost
from workbench.engine.request import ModelChoice
from workbench.errors import InputError, Notice
from workbench.results import Labels
from workbench.running import run

ASKING = Notice.of("doing-providers")  # what a host is told that it is asked for

pytestmark = pytest.mark.slow

RATE = 16_000
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "float.wav": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"),
    "ogg": ("OGG", "VORBIS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
EACH = 120
SEED = 20


@pytest.fixture
def listener(tmp_path: Path) -> ModelChoice:
    """A model whose two logits are the mean and the largest sample."""
    folder = tmp_path / "listener"
    folder.mkdir()
    config = {"model_type": "wav2vec2", "architectures": ["Wav2Vec2ForSequenceClassification"]}
    (folder / "config.json").write_text(json.dumps(config | {"id2label": {"0": "mean", "1": "peak"}}), "utf-8")
    settings = {"feature_extractor_type": "Wav2Vec2FeatureExtractor", "sampling_rate": RATE, "do_normalize": True}
    (folder / "preprocessor_config.json").write_text(json.dumps(settings), "utf-8")
    nodes = [
        helper.make_node("ReduceMean", ["input_values"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("ReduceMax", ["input_values"], ["peak"], axes=[1], keepdims=1),
        helper.make_node("Concat", ["mean", "peak"], ["logits"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "listener",
        [helper.make_tensor_value_info("input_values", TensorProto.FLOAT, ["batch", "samples"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", 2])],
    )
    path = folder / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return ModelChoice("listener", str(folder), {"model": str(path)}, "audio-classification", "cpu")


def whole_file(kind: str) -> bytes:
    """Half a second of tones in this format."""
    time = np.arange(RATE // 2) / RATE
    sound = np.stack([0.4 * np.sin(2 * np.pi * hz * time) for hz in (440, 1320)], axis=1)
    file = io.BytesIO()
    container, subtype = FORMATS[kind]
    soundfile.write(file, sound.astype(np.float32), RATE, format=container, subtype=subtype)
    return file.getvalue()


def mutated(data: bytes, random: np.random.Generator) -> bytes:
    """One of the ways in which files are damaged: bits, bytes of the header, cuts, repeats, zeros, noise, lengths."""
    changed = bytearray(data)
    place = int(random.integers(len(changed)))
    match int(random.integers(8)):
        case 0:
            for spot in random.integers(len(changed), size=int(random.integers(1, 20))):
                changed[spot] ^= 1 << int(random.integers(8))
        case 1:
            for spot in random.integers(min(64, len(changed)), size=int(random.integers(1, 6))):
                changed[spot] = int(random.integers(256))
        case 2:
            del changed[place:]
        case 3:
            del changed[place : place + int(random.integers(1, 400))]
        case 4:
            changed[place:place] = changed[place : place + 300]
        case 5:
            changed[place : place + 200] = bytes(len(changed[place : place + 200]))
        case 6:
            changed[place : place + 200] = random.bytes(len(changed[place : place + 200]))
        case _:
            spot = int(random.integers(min(60, len(changed) - 4)))
            changed[spot : spot + 4] = random.choice([b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff"])
    return bytes(changed)


@pytest.mark.parametrize("kind", FORMATS)
def test_damaged_sounds_end_nothing(host: EngineHost, listener: ModelChoice, tmp_path: Path, kind: str) -> None:
    random, whole = np.random.default_rng(SEED + len(kind)), whole_file(kind)
    paths = []
    for number in range(EACH):
        paths.append(tmp_path / f"{number}.{kind}")
        paths[-1].write_bytes(mutated(whole, random))
    host.start()
    pid = host.pid
    report = run(host, listener, "fp32", [str(path) for path in paths], {})
    answers, refusals = 0, set()
    for item in report.items:
        if item.error is None:
            assert isinstance(item.result, Labels)
            assert np.isfinite([label.score for label in item.result.labels]).all()
            answers += 1
        else:
            assert isinstance(item.error, InputError), item
            refusals.add(item.error.code)
    # The window asks for outlines and for stretches to play, of whatever was dropped onto it.
    for path in paths:
        peaks_of(host, path)
        stretch_of(host, path)
    assert host.pid == pid  # no crash
    # Ogg and FLAC have checksums, so hardly any damage goes unseen in them.
    assert answers >= (1 if kind in ("ogg", "flac") else EACH // 4)
    assert refusals


def peaks_of(host: EngineHost, path: Path) -> None:
    with contextlib.suppress(InputError):
        body = host.call("peaks", {"path": str(path), "buckets": 50}, doing=ASKING)
        assert np.isfinite(body["peaks"].array()).all()


def stretch_of(host: EngineHost, path: Path) -> None:
    with contextlib.suppress(InputError):
        body = host.call("samples", {"path": str(path), "start_s": 0.2, "duration_s": 0.1}, doing=ASKING)
        assert body["samples"].array().dtype == np.int16
