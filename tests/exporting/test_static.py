"""Static int8: calibration on small graphs with known answers, and exports of tiny checkpoints by the real worker."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import helper

from exporters import graphs
from exporters.__main__ import Reporter, _answer
from exporters.activations import Activations, weight_key
from exporters.calibration import METHODS, bounds, observed
from exporters.failure import ExportFailure
from exporters.fixed import scale_of
from exporters.protocol import CALIBRATIONS, PRECISIONS
from exporters.quantize import to_static
from tests.exporting.conftest import Export, nothing_published, spec_of
from tests.exporting.test_exports import SENTENCES, answers_of, reference
from tests.exporting.test_quantizing import SQUARE, WIDTH, cosine, model_of
from workbench.errors import ExportError
from workbench.library.manifest import read_manifest
from workbench.runtime.graph_metadata import graph_metadata
from workbench.runtime.session import EXACT_INT8
from workbench.wire import Message

RANDOM = np.random.default_rng(7)
Array = np.ndarray[Any, np.dtype[Any]]


def feeds(count: int = 8) -> list[dict[str, Array]]:
    return [{"x": RANDOM.standard_normal((1, 9, WIDTH)).astype(np.float32)} for _ in range(count)]


def product(folder: Path) -> Path:
    nodes = [helper.make_node("MatMul", ["x", "square"], ["logits"], name="product")]
    path = folder / "model.onnx"
    graphs.save(model_of(nodes, {"square": SQUARE}, ids=False), path)
    return path


def convolutions(folder: Path) -> Path:
    """Two convolutions with a normalization of batches, and weights at the end of their range."""
    weights: dict[str, Array] = {
        "first": RANDOM.choice([-1.0, 1.0], (16, 3, 3, 3)).astype(np.float32),
        "second": RANDOM.choice([-1.0, 1.0], (16, 16, 3, 3)).astype(np.float32),
        **{name: np.full(16, value, np.float32) for name, value in (("s", 1.5), ("b", 0.5), ("m", 0.25), ("v", 2.0))},
    }
    nodes = [
        helper.make_node("Conv", ["x", "first"], ["a"], name="first"),
        helper.make_node("BatchNormalization", ["a", "s", "b", "m", "v"], ["c"], name="norm"),
        helper.make_node("Relu", ["c"], ["d"], name="relu"),
        helper.make_node("Conv", ["d", "second"], ["logits"], name="second"),
    ]
    model = model_of(nodes, weights, ids=False)
    path = folder / "model.onnx"
    graphs.save(model, path)
    return path


def run(path: Path, feed: dict[str, Array], *, exact: bool = True, optimized: Path | None = None) -> Array:
    options = ort.SessionOptions()
    options.log_severity_level = 3
    if exact:
        options.add_session_config_entry(*EXACT_INT8)
    if optimized:
        options.optimized_model_filepath = str(optimized)
    value: Array = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, feed)[0]
    return value


def kinds_of(path: Path) -> list[str]:
    return [node.op_type for node in onnx.load(path).graph.node]


def test_every_calibration_has_its_method() -> None:
    assert tuple(METHODS) == CALIBRATIONS


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_ranges_are_those_of_the_samples(tmp_path: Path, method: str) -> None:
    given = feeds()
    ranges, count = observed(product(tmp_path), iter(given), method, ["MatMul"])
    found = bounds(ranges, "x")
    assert found is not None
    assert count == len(given)
    seen = np.stack([item["x"] for item in given])
    if method == "minmax":
        assert found == pytest.approx((seen.min(), seen.max()))
    else:
        assert seen.min() - 0.1 <= found[0] < 0 < found[1] <= max(seen.max(), -seen.min()) + 0.1
    assert bounds(ranges, "nothing") is None


def test_a_percentile_leaves_out_one_value_in_100_000(tmp_path: Path) -> None:
    given = [{"x": RANDOM.standard_normal((1, 999, WIDTH)).astype(np.float32)} for _ in range(4)]
    given[0]["x"][0, 0, 0] = 1000.0
    highest = {}
    for method in ("minmax", "percentile"):
        found = bounds(observed(product(tmp_path), iter(given), method, ["MatMul"])[0], "x")
        assert found is not None
        highest[method] = found[1]
    assert highest["minmax"] == pytest.approx(1000.0)
    assert highest["percentile"] < 10.0


def test_a_scale_holds_zero_exactly() -> None:
    assert [float(value) for value in scale_of(-1.0, 254.0)] == [1.0, 1.0]
    assert [float(value) for value in scale_of(2.0, 255.0)] == [1.0, 0.0]
    assert [float(value) for value in scale_of(-255.0, -3.0)] == [1.0, 255.0]
    assert [float(value) for value in scale_of(0.0, 0.0)] == [1.0, 0.0]


@pytest.mark.parametrize("method", CALIBRATIONS)
def test_a_product_is_one_node_in_8_bits(tmp_path: Path, method: str) -> None:
    source, target = product(tmp_path), tmp_path / "static.onnx"
    told = to_static(source, target, method, feeds(), lambda done: None)
    assert told == {"calibration": method, "samples": 8, "operators": "products", "weight_bits": 8, "smoothing": False}
    item = feeds(1)[0]
    got = run(target, item, optimized=tmp_path / "optimized.onnx")
    assert cosine(got, run(source, item)) > 0.999
    assert kinds_of(tmp_path / "optimized.onnx") == ["QuantizeLinear", "MatMulIntegerToFloat"]


def test_products_are_smoothed_by_what_was_seen(tmp_path: Path) -> None:
    """One channel is so large that a common scale leaves the others three steps."""
    source = product(tmp_path)
    large = np.ones(WIDTH, np.float32)
    large[5] = 100
    given = [{"x": item["x"] * large} for item in feeds()]
    rows = np.concatenate([item["x"].reshape(-1, WIDTH) for item in given])
    seen = {weight_key(SQUARE[:, 0]): Activations(np.abs(rows).max(0), np.square(rows).mean(0))}
    far = {}
    for name, activations in (("plain", {}), ("smoothed", seen)):
        target = tmp_path / f"{name}.onnx"
        told = to_static(source, target, "minmax", iter(given), lambda done: None, activations)
        assert told["smoothing"] == bool(activations)
        far[name] = float(np.square(run(target, given[0]) - run(source, given[0])).mean())
    assert far["smoothed"] < far["plain"] / 4


def test_a_convolutional_network_is_8_bits_from_end_to_end(tmp_path: Path) -> None:
    source, target = convolutions(tmp_path), tmp_path / "static.onnx"
    pictures = [{"x": RANDOM.standard_normal((1, 3, 12, 12)).astype(np.float32)} for _ in range(4)]
    told = to_static(source, target, "minmax", iter(pictures), lambda done: None)
    assert told["operators"] == "all"
    got = run(target, pictures[0], optimized=tmp_path / "optimized.onnx")
    assert cosine(got, run(source, pictures[0])) > 0.999
    kinds = kinds_of(tmp_path / "optimized.onnx")
    assert kinds.count("QLinearConv") == 2
    assert not {"Conv", "Relu", "BatchNormalization"} & set(kinds)


def test_weights_of_a_network_overflow_nowhere(tmp_path: Path) -> None:
    """With and without unsigned weights the sums are the same, on every processor."""
    source, target = convolutions(tmp_path), tmp_path / "static.onnx"
    pictures = [{"x": np.full((1, 3, 12, 12), value, np.float32)} for value in (-3.0, 3.0)]
    to_static(source, target, "minmax", iter(pictures), lambda done: None)
    assert graph_metadata(target)["workbench.overflow_free"] == "1"
    for item in pictures:
        np.testing.assert_array_equal(run(target, item, exact=True), run(target, item, exact=False))


def test_samples_that_the_graph_does_not_take(tmp_path: Path) -> None:
    path = product(tmp_path)
    with pytest.raises(ExportFailure, match="export-calibration-empty"):
        observed(path, iter([]), "minmax", ["MatMul"])
    with pytest.raises(ExportFailure, match="export-calibration-input"):
        observed(path, iter([{"y": np.zeros(1, np.float32)}]), "minmax", ["MatMul"])


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("std::bad_alloc"),
        RuntimeError("bad allocation"),
        RuntimeError("Failed to allocate memory for requested buffer"),
        # Seen under a limit: a graph to be mapped, one that protobuf was to write, torch to be loaded.
        OSError(errno.ENOMEM, "Cannot allocate memory", "/staging/onnx/graph"),
        SystemError("error return without exception set"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        MemoryError(),
    ],
    ids=lambda error: f"{type(error).__name__} {error}"[:40],
)
def test_memory_that_runs_out_in_a_calibration_is_said_so(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    class Channel:
        def send(self, message: object) -> None: ...

    def fail(*_: object) -> None:
        raise error

    reporter = Reporter(Channel(), 1)  # type: ignore[arg-type]
    reporter.stage("quantize")
    monkeypatch.setattr("exporters.__main__._do", fail)
    body = _answer(Message("request", 1, {"method": "export"}), reporter).body
    assert body["code"] == "export-out-of-memory"
    assert body["arguments"] == {"stage": "quantize"}


def test_a_library_that_is_missing_is_no_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    class Channel:
        def send(self, message: object) -> None: ...

    def fail(*_: object) -> None:
        raise ImportError("No module named 'optimum'")

    monkeypatch.setattr("exporters.__main__._do", fail)
    body = _answer(Message("request", 1, {"method": "export"}), Reporter(Channel(), 1)).body  # type: ignore[arg-type]
    assert body["code"] == "export-toolchain-unfit"


def test_what_writes_text_is_not_offered_it() -> None:
    item = PRECISIONS["int8-static"]
    assert item.made_for("text-classification")
    assert item.made_for("image-classification")
    assert not item.made_for("text-generation")
    assert not item.made_for("automatic-speech-recognition")


# --- exports ---


@pytest.mark.toolchain
def test_a_text_classifier(checkpoint: Callable[[str], Path], export: Export) -> None:
    spec = spec_of(
        checkpoint("bert"),
        "fp32",
        "int8-static",
        task="text-classification",
        export_task="text-classification",
        samples=SENTENCES,
        calibration="percentile",
    )
    outcome = export(spec)
    for got, torch in answers_of(outcome.folder, "_int8_static"):
        assert cosine(got, torch) > 0.98
    variant = next(item for item in read_manifest(outcome.folder).variants if item.precision == "int8-static")
    settings = variant.recipe["settings"]
    assert variant.recipe["method"] == "static"
    assert settings["calibration"] == "percentile"
    assert settings["samples"] == len(SENTENCES)
    assert settings["own_samples"] is False
    kinds = kinds_of(outcome.folder / "onnx/model_int8_static.onnx")
    assert kinds.count("QuantizeLinear") >= 6


@pytest.mark.slow
@pytest.mark.toolchain
def test_pictures_of_a_user_of_which_one_is_broken(
    checkpoint: Callable[[str], Path], export: Export, tmp_path: Path
) -> None:
    from PIL import Image

    pictures = []
    for name in ("a/1.png", "b/1.png", "c/2.tif"):
        path = tmp_path / "own" / name
        path.parent.mkdir(parents=True)
        Image.fromarray(RANDOM.integers(0, 255, (40, 50, 3), np.uint8)).save(path)
        pictures.append(str(path))
    broken = tmp_path / "own/broken.png"
    broken.write_bytes(b"\x89PNG and then nothing")
    kinds = {"task": "image-classification", "export_task": "image-classification", "own_samples": True}
    with pytest.raises(ExportError) as caught:
        export(spec_of(checkpoint("resnet"), "fp32", samples=(str(broken),), **kinds))
    assert caught.value.code == "export-sample"
    assert nothing_published(tmp_path)
    # Nothing was calibrated yet; the second export adds what is calibrated to the published graph, without torch.
    export(spec_of(checkpoint("resnet"), "fp32", samples=(pictures[0], str(broken), *pictures[1:]), **kinds))
    outcome = export(spec_of(checkpoint("resnet"), "int8-static", samples=(str(broken), *pictures), **kinds))
    rows, _ = reference(outcome.folder)
    assert [row["input"] for row in rows] == ["media/1.png", "media/2-1.png", "media/2.tif"]
    for row, picture in zip(rows, pictures, strict=True):
        assert (outcome.folder / "reference" / row["input"]).read_bytes() == Path(picture).read_bytes()
        pixels = np.asarray(Image.open(picture).resize((32, 32), Image.Resampling.BICUBIC), np.float32)
        values = (pixels.transpose(2, 0, 1)[None] / 255 - 0.5) / 0.5
        fp32 = run(outcome.folder / "onnx/model.onnx", {"pixel_values": values})
        got = run(outcome.folder / "onnx/model_int8_static.onnx", {"pixel_values": values}, exact=False)
        assert cosine(got, fp32) > 0.99
    settings = read_manifest(outcome.folder).variants[-1].recipe["settings"]
    assert settings["samples"] == len(pictures)
    assert settings["own_samples"] is True


@pytest.mark.slow
@pytest.mark.toolchain
def test_a_broken_picture_is_told(checkpoint: Callable[[str], Path], export: Export, tmp_path: Path) -> None:
    from PIL import Image

    Image.fromarray(RANDOM.integers(0, 255, (40, 50, 3), np.uint8)).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG and then nothing")
    kinds: dict[str, Any] = {"task": "image-classification", "export_task": "image-classification"}
    samples = (str(tmp_path / "bad.png"), str(tmp_path / "good.png"))
    outcome = export(spec_of(checkpoint("vit"), samples=samples, own_samples=True, **kinds))
    assert [number for number, _ in outcome.skipped] == [0]
    with pytest.raises(ExportError) as caught:
        export(spec_of(checkpoint("vit"), samples=samples, force=True, **kinds))
    assert caught.value.code == "export-sample"
