"""int8 of models with an encoder and a decoder against their fp32 graphs, through the app's own pipelines.

Seeded models of each kind that can be exported, with channels as uneven as those of trained ones.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from exporters import graphs
from tests.exporting.conftest import Export, spec_of
from tests.exporting.test_exports import reference
from tests.exporting.test_quantizing import cosine
from workbench.engine.loading import load_model
from workbench.engine.request import ModelChoice
from workbench.tasks.base import Outputs, Pipeline, Run
from workbench.tasks.samples import samples

pytestmark = [pytest.mark.toolchain, pytest.mark.slow]

SCRIPT = Path(__file__).parent.parent / "toolchain_scripts" / "uneven_seq2seq.py"
GRAPHS = ("encoder_model", "decoder_model_merged")
TEXT, PICTURES, SPEECH = "text2text-generation", "image-to-text", "automatic-speech-recognition"
KINDS = {
    **dict.fromkeys(("t5", "t5-gated", "bart", "mbart", "m2m_100", "pegasus", "marian"), TEXT),
    **dict.fromkeys(("vit-gpt2", "trocr", "donut"), PICTURES),
    **dict.fromkeys(("moonshine", "speech_to_text"), SPEECH),
}
SAMPLES = 4
# Tokens that are ahead of all others by this part of how far logits are spread win by a margin.
MARGIN = 0.1
# A product's weight with so many numbers is to be in 8 bits; scales of blocks are a thirty-second of those.
LARGE = 16_384
# Rows of the table of words, see the script.
VOCABULARY = 1024


@pytest.fixture(scope="session")
def uneven(warm_toolchain: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        out = tmp_path_factory.mktemp("uneven")
        subprocess.run([warm_toolchain, SCRIPT, out, name], check=True, capture_output=True)
        assert json.loads((out / f"{name}.json").read_text("utf-8"))["places"] >= 6
        return out / name

    return make


def load(folder: Path, task: str, suffix: str) -> Pipeline:
    stems = GRAPHS if task in KINDS.values() else ("model",)
    opened = {stem: str(folder / "onnx" / f"{stem}{suffix}.onnx") for stem in stems}
    return load_model(ModelChoice("uneven", str(folder), opened, task, "cpu", threads=1)).pipeline


def answers(folder: Path, task: str, suffix: str) -> list[Outputs]:
    """What a variant gives for each sample when torch's tokens are fed in."""
    pipeline = load(folder, task, suffix)
    rows, arrays = reference(folder)
    given = []
    for row in rows:
        item = folder / "reference" / row["input"] if task in (PICTURES, SPEECH) else row["input"]
        run, params = Run(), pipeline.reference_params
        prepared = pipeline.preprocess(item, params, run)
        got = pipeline.reference_outputs(prepared, params, run, row.get("answer") or {})
        given.append(pipeline.aligned(got, {name: arrays[key] for name, key in row["outputs"].items()}))
    return given


def least_cosine(ours: list[Outputs], theirs: list[Outputs], name: str) -> float:
    return min(cosine(a[name], b[name]) for a, b in zip(ours, theirs, strict=True))


def same_tokens(ours: list[Outputs], theirs: list[Outputs]) -> float:
    """Of the tokens that win by a margin in ``theirs``, how many do in ``ours``."""
    a, b = (np.concatenate([item["decoder.logits"][0] for item in items]) for items in (ours, theirs))
    best = np.partition(b, -2, axis=-1)
    clear = best[:, -1] - best[:, -2] > MARGIN * b.std(axis=-1)
    assert clear.any()
    return float((a.argmax(-1) == b.argmax(-1))[clear].mean())


def tables(path: Path) -> list[tuple[int, ...]]:
    """The shapes of the matrices that a graph has in fp32."""
    found = [tuple(item.dims) for item in graphs.weights_of(onnx.load(path)).values() if is_float(item)]
    return [shape for shape in found if len(shape) == 2 and min(shape) > 1]


def matrix_bytes(path: Path) -> int:
    """The size of a graph's weights without what no recipe of int8 touches, which is convolutions."""
    found = graphs.weights_of(onnx.load(path)).values()
    return sum(item.ByteSize() for item in found if not (is_float(item) and len(item.dims) > 2))


def is_float(item: TensorProto) -> bool:
    return bool(item.data_type == TensorProto.FLOAT)


@pytest.mark.parametrize("name", KINDS)
def test_int8_writes_nearly_what_fp32_does(uneven: Callable[[str], Path], export: Export, name: str) -> None:
    task = KINDS[name]
    kinds = {"task": task, "export_task": f"{task}-with-past", "samples": samples(task)[:SAMPLES]}
    folder = export(spec_of(uneven(name), "fp32", "int8", **kinds)).folder
    _, arrays = reference(folder)
    exact, ours = answers(folder, task, ""), answers(folder, task, "_int8")
    for number, outputs in enumerate(exact):
        assert cosine(outputs["decoder.logits"], arrays[f"{number}/decoder.logits"]) > 0.99999
    assert least_cosine(ours, exact, "encoder.last_hidden_state") > 0.997
    assert least_cosine(ours, exact, "decoder.logits") > 0.99
    assert same_tokens(ours, exact) > 0.95
    fp32, int8 = ({stem: folder / "onnx" / f"{stem}{suffix}.onnx" for stem in GRAPHS} for suffix in ("", "_int8"))
    for stem in GRAPHS if task != SPEECH else GRAPHS[1:]:  # encoders of speech are kept
        assert matrix_bytes(int8[stem]) < 0.35 * matrix_bytes(fp32[stem])
        assert not [shape for shape in tables(int8[stem]) if np.prod(shape) > LARGE]
    # The head of a model that shares it with the table of words does so in the graph.
    of_words = [shape for shape in tables(fp32[GRAPHS[1]]) if VOCABULARY in shape]
    assert len(of_words) == (2 if name == "t5-gated" else 1)


def test_classes_of_a_text_by_an_encoder_and_a_decoder(uneven: Callable[[str], Path], export: Export) -> None:
    task = "text-classification"
    spec = spec_of(uneven("bart-classes"), "fp32", "int8", task=task, export_task=task, samples=samples(task)[:16])
    folder = export(spec).folder
    assert least_cosine(answers(folder, task, "_int8"), answers(folder, task, ""), "logits") > 0.99
    sizes = {path.stem: path.stat().st_size for path in (folder / "onnx").iterdir()}
    assert sizes["model_int8"] < 0.35 * sizes["model"]
