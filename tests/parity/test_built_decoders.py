"""Graphs of the model builder against transformers: greedy tokens of tiny seeded models, exported as a user would."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from tokenizers import Tokenizer

from exporters import graphs
from exporters.activations import read_activations
from exporters.blocks import BlockSettings
from exporters.protocol import BUILT_ARCHITECTURES
from exporters.quantize import quantize, recipe_for
from exporters.rescaling import rescale
from tests.exporting.conftest import spec_of
from tests.parity.records import record
from workbench.exporting.job import run_export
from workbench.exporting.spec import LogLine
from workbench.exporting.toolchains import Toolchain
from workbench.library.manifest import Manifest, read_manifest
from workbench.runtime.cache_feeds import empty_past, fitting
from workbench.runtime.causal_decoder import causal_feeds
from workbench.runtime.generate import language_decoder
from workbench.runtime.session import Session, SessionOptions
from workbench.tasks.base import ModelFiles, Run
from workbench.tasks.text_generation import PIPELINE, TextGeneration

pytestmark = pytest.mark.toolchain

# One that the builder knows and one that it does not; all others with the slow tests.
FIRST = ("llama-tied-scaled", "gpt2")
BUILT = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gemma3", "phi3", "smollm3", "granite")
LEFT = {"llama-linear": "scaled by linear", "llama-narrow": "heads have 12 channels"}
# Five a layer, of which there are two, four (smollm3) or seven (gemma3); the head, where it is no table of embeddings.
RESCALED = {FIRST[0]: 10, "llama": 11, "mistral": 11, "qwen2": 10, "qwen3": 10, "gemma": 10, "phi3": 11, "granite": 11}
RESCALED |= {"gemma3": 36, "smollm3": 20}

ExportDecoder = Callable[..., "Exported"]


class Exported:
    """An export: its folder, its manifest, and what the libraries said on the way."""

    def __init__(self, folder: Path, lines: list[str]) -> None:
        self.folder = folder
        self.lines = lines
        self.manifest: Manifest = read_manifest(folder)

    def recipe(self, precision: str) -> Any:
        return next(item.recipe for item in self.manifest.variants if item.precision == precision)

    def graph(self, suffix: str = "") -> onnx.ModelProto:
        return onnx.load(str(self.folder / f"onnx/model{suffix}.onnx"), load_external_data=False)

    def pipeline(self, suffix: str = "") -> TextGeneration:
        files = ModelFiles(self.folder, {"model": self.folder / f"onnx/model{suffix}.onnx"})
        return PIPELINE(files, {"model": Session(files.graphs["model"], SessionOptions("cpu", threads=2))})


@pytest.fixture
def export_decoder(warm_toolchain: Path, tmp_path: Path) -> ExportDecoder:
    def export(source: Path, *precisions: str, own: tuple[str, ...] = ()) -> Exported:
        lines: list[str] = []
        spec = spec_of(
            source,
            *precisions,
            task="text-generation",
            export_task="text-generation-with-past",
            samples=own or ("The sea was calm that day, and",),
            own_samples=bool(own),
            force=bool(own),
        )
        outcome = run_export(
            spec,
            toolchain=Toolchain("optimum", warm_toolchain, managed=False),
            artifacts_dir=tmp_path / "artifacts",
            data_dir=tmp_path / "data",
            verify=lambda folder, task, precision: {},
            on_event=lambda event: lines.append(event.line) if isinstance(event, LogLine) else None,
        )
        return Exported(outcome.folder, lines)

    return export


@pytest.fixture(scope="session")
def first(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("built_decoders", *FIRST)


@pytest.fixture(scope="session")
def others(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("built_decoders", *BUILT, *LEFT)


def cases_of(made: Path, name: str) -> list[dict[str, Any]]:
    return [case for case in json.loads((made / "cases.json").read_text("utf-8")) if case["model"] == name]


def check_tokens(exported: Exported, made: Path, name: str) -> None:
    cases, pipeline = cases_of(made, name), exported.pipeline()
    assert cases
    for case in cases:
        params = {"max_new_tokens": case["max_new_tokens"]}
        prepared = pipeline.preprocess(case["prompt"], params, Run())
        assert pipeline.forward(prepared, params, Run())["token_ids"].tolist() == case["token_ids"]
    record("text-generation", f"{name}, exported", len(cases), "tokens identical, greedy")


def test_a_known_architecture_gets_the_fast_graph_in_every_precision(
    first: Path, export_decoder: ExportDecoder
) -> None:
    name = "llama-tied-scaled"
    exported = export_decoder(first / name, "fp32", "int8", "q4", "q4f16")
    nodes = Counter(node.op_type for node in exported.graph().graph.node)
    assert nodes["GroupQueryAttention"] == 2
    assert exported.recipe("fp32")["settings"]["graph"] == "onnxruntime-genai"
    assert exported.manifest.toolchain["onnxruntime-genai"]
    check_tokens(exported, first, name)
    (case, *_) = cases_of(first, name)
    wanted = logits(exported.pipeline(), case)
    # Of each layer four products: query, key and value are one, and so are gate and up; then the head, which is tied to
    # the embedding.
    told = exported.recipe("q4")["settings"]
    assert told["measured_parts"] == told["parts"] == 9
    kept = len(told["parts_in_8_bits"])
    assert 0 < kept < 5
    for suffix, bits, floor in (("_int8", {8: 9}, 0.99), ("_q4", {8: kept, 4: 9 - kept}, 0.85)):
        small = exported.graph(suffix)
        products = [node for node in small.graph.node if node.op_type == "MatMulNBits"]
        assert Counter(number(node, "bits") for node in products) == bits
        assert {number(node, "accuracy_level") for node in products} == {4}
        assert not [node for node in small.graph.node if node.op_type == "MatMul"]
        got = logits(exported.pipeline(suffix), case)
        assert cosine(got, wanted) > floor
    check_rescaled(exported, name, case)
    # All seven matrices of both layers and the head were rounded by what goes through them.
    check_rounded(exported, 15)
    for suffix, tolerance in (("", 1e-5), ("_int8", 1e-2), ("_q4", 1e-2), ("_q4f16", 5e-2)):
        check_last_alone(exported.folder / f"onnx/model{suffix}.onnx", case["token_ids"][:9], tolerance)
    half = exported.graph("_q4f16")
    assert {value.type.tensor_type.elem_type for value in half.graph.output} == {onnx.TensorProto.FLOAT16}
    assert cosine(logits(exported.pipeline("_q4f16"), case), wanted) > 0.85


def check_last_alone(path: Path, tokens: list[int], tolerance: float) -> None:
    """The graph gives the scores of all tokens, and of the last alone to who wants no others."""
    session = Session(path, SessionOptions("cpu", threads=1))
    assert "num_logits_to_keep" not in session.input_names, "who does not know the input must not need it"
    decoder = language_decoder(session)
    everything = decoder.start().advance(tokens, Run()).copy()
    assert everything.shape[0] == len(tokens)
    last = decoder.start().advance(tokens, Run(), keep=1)
    assert last.size == everything.shape[1]
    np.testing.assert_allclose(last[0], everything[-1], atol=tolerance * np.abs(everything[-1]).max())
    feeds = causal_feeds(0, tokens, 1) | empty_past(session)
    (made,) = session.run(fitting(session, feeds), Run(), ("logits",)).values()
    assert made.shape == (1, 1, everything.shape[1])


def check_rounded(exported: Exported, matrices: int) -> None:
    """Of so many ``matrices`` all but those in 8 bits were rounded, and the graph has them as they are then."""
    told = exported.recipe("q4")["settings"]
    in_eight = [name for title in told["parts_in_8_bits"] for name in title.split("+")]
    assert told["rounded_matrices"] == matrices - len(in_eight)
    onnx_folder = exported.folder / "onnx"
    plain = onnx_folder / "plain.onnx"
    quantize(onnx_folder / "model.onnx", plain, recipe_for("q4", "text-generation"))
    alone, rounded = (blocks_of(path) for path in (plain, onnx_folder / "model_q4.onnx"))
    assert alone.keys() == rounded.keys()
    in_four = [name for name, values in rounded.items() if values.shape[-1] == told["block_size"] // 2]
    assert len(in_four) == len(rounded) - len(told["parts_in_8_bits"])
    assert not any(np.array_equal(alone[name], rounded[name]) for name in in_four)


def blocks_of(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The values of all products of a graph, by the names of their nodes."""
    model = graphs.load(path)
    weights = graphs.weights_of(model)
    return {
        node.name: numpy_helper.to_array(weights[node.input[1]])
        for node in model.graph.node
        if node.op_type == "MatMulNBits"
    }


def check_rescaled(exported: Exported, name: str, case: dict[str, Any]) -> None:
    """The channels of so many matrices are of one size in int8, which alters nothing in fp32."""
    assert exported.recipe("int8")["settings"]["rescaled_matrices"] == RESCALED[name]
    model = graphs.load(exported.folder / "onnx/model.onnx")
    factors = rescale(model, read_activations(exported.folder / "reference"), BlockSettings(8, 8, 8, 32, 32, 4))
    turned = {node.input[0] for node in model.graph.node if node.op_type == "Transpose"}
    for tensor in model.graph.initializer:
        if tensor.name in factors:
            matrix, found = numpy_helper.to_array(tensor), factors[tensor.name]
            made = found.applied(matrix) if tensor.name in turned else found.applied(matrix.T).T
            assert not np.allclose(made, matrix, rtol=1e-2)
            tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(made), tensor.name))
    graphs.save(model, exported.folder / "onnx/model_rescaled.onnx")
    wanted = logits(exported.pipeline(), case)
    np.testing.assert_allclose(logits(exported.pipeline("_rescaled"), case), wanted, atol=1e-4 * np.abs(wanted).max())
    assert cosine(logits(exported.pipeline("_int8"), case), wanted) > 0.98, "random weights have no large channels"


def number(node: onnx.NodeProto, name: str) -> int:
    return next(item.i for item in node.attribute if item.name == name)


def logits(pipeline: TextGeneration, case: dict[str, Any]) -> np.ndarray[Any, Any]:
    """After each token of what transformers wrote, float32 [tokens, vocabulary]."""
    prepared = pipeline.preprocess(case["prompt"], {}, Run())
    tokens = [*prepared.token_ids, *case["token_ids"]]
    outputs = pipeline.reference_outputs(prepared, {}, Run(), {"token_ids": tokens})
    return outputs["logits"][0]


def cosine(left: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> float:
    return float((left * right).sum() / np.linalg.norm(left) / np.linalg.norm(right))


def test_what_the_builder_does_not_know_is_left_to_optimum(first: Path, export_decoder: ExportDecoder) -> None:
    assert "GPT2LMHeadModel" not in BUILT_ARCHITECTURES
    exported = export_decoder(first / "gpt2", "fp32", "q4")
    settings = exported.recipe("fp32")["settings"]
    assert settings["graph"] == "optimum"
    assert "GPT2LMHeadModel" in settings["not_built"]
    assert any("Optimum makes the graph" in line for line in exported.lines)
    check_tokens(exported, first, "gpt2")
    check_rounded(exported, 9)
    nodes = Counter(node.op_type for node in exported.graph("_q4").graph.node)
    assert nodes["MatMulNBits"] == 2 * 4 + 1


def test_a_further_precision_is_made_out_of_the_fast_graph(first: Path, export_decoder: ExportDecoder) -> None:
    export_decoder(first / FIRST[0], "fp32")
    exported = export_decoder(first / FIRST[0], "q4")
    assert [item.precision for item in exported.manifest.variants] == ["fp32", "q4"]
    nodes = Counter(node.op_type for node in exported.graph("_q4").graph.node)
    assert (nodes["GroupQueryAttention"], nodes["MatMulNBits"]) == (2, 9)


def test_weights_are_rounded_by_texts_of_ones_own(first: Path, export_decoder: ExportDecoder) -> None:
    own = ("A calm sea. " * 20, "Noch ein Satz, und noch einer. " * 10)
    usual = export_decoder(first / FIRST[0], "q4")
    settings, before = usual.recipe("q4")["settings"], blocks_of(usual.folder / "onnx/model_q4.onnx")
    assert settings["own_tokens"] == 0
    exported = export_decoder(first / FIRST[0], "q4", own=own)
    told = exported.recipe("q4")["settings"]
    tokenizer = Tokenizer.from_file(str(exported.folder / "tokenizer.json"))
    assert told["own_tokens"] == sum(len(tokenizer.encode(text, add_special_tokens=False).ids) for text in own)
    assert told["tokens"] == settings["tokens"], "the text of the app fills the rest"
    after = blocks_of(exported.folder / "onnx/model_q4.onnx")
    assert any(not np.array_equal(after[name], before[name]) for name in before)
    # A book is half of it at most.
    long = export_decoder(first / FIRST[0], "q4", own=("The sea was calm. " * 3000,)).recipe("q4")["settings"]
    assert 0.49 < long["own_tokens"] / long["tokens"] <= 0.5


def test_code_in_the_folder_of_a_model_is_not_run(first: Path, export_decoder: ExportDecoder, tmp_path: Path) -> None:
    source, trap = tmp_path / "hostile", tmp_path / "ran"
    source.mkdir()
    for path in (first / FIRST[0]).iterdir():
        (source / path.name).write_bytes(path.read_bytes())
    code = f"open({str(trap)!r}, 'w').close()\n"
    for name in ("modeling_mine.py", "configuration_mine.py", "builders.py", "onnx_ir.py", "sitecustomize.py"):
        (source / name).write_text(code)
    config = json.loads((source / "config.json").read_text("utf-8"))
    config["auto_map"] = {
        "AutoConfig": "configuration_mine.Mine",
        "AutoModelForCausalLM": "modeling_mine.Mine",
    }
    (source / "config.json").write_text(json.dumps(config), "utf-8")
    exported = export_decoder(source, "fp32")
    assert exported.recipe("fp32")["settings"]["graph"] == "onnxruntime-genai"
    assert not trap.exists()
    assert not list(exported.folder.rglob("*.py"))


@pytest.mark.slow
@pytest.mark.parametrize("name", BUILT)
def test_every_known_architecture_writes_what_transformers_writes(
    others: Path, export_decoder: ExportDecoder, name: str
) -> None:
    exported = export_decoder(others / name, "fp32", "int8", "q4")
    assert exported.recipe("fp32")["settings"] == {
        "task": "text-generation-with-past",
        "graph": "onnxruntime-genai",
    }, exported.lines[-1]
    check_tokens(exported, others, name)
    case = cases_of(others, name)[0]
    check_rescaled(exported, name, case)
    told = exported.recipe("q4")["settings"]
    assert told["measured_parts"] == told["parts"]
    assert cosine(logits(exported.pipeline("_q4"), case), logits(exported.pipeline(), case)) > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("name", LEFT)
def test_what_the_builder_would_get_wrong_is_left_to_optimum(
    others: Path, export_decoder: ExportDecoder, name: str
) -> None:
    exported = export_decoder(others / name, "fp32")
    assert LEFT[name] in exported.recipe("fp32")["settings"]["not_built"]
    check_tokens(exported, others, name)


def test_the_tests_cover_every_architecture_that_is_built() -> None:
    named = {"smollm3": "SmolLM3", **{name: name.capitalize() for name in BUILT if name != "smollm3"}}
    assert {f"{name}ForCausalLM" for name in named.values()} == set(BUILT_ARCHITECTURES)
