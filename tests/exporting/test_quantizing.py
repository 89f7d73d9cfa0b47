"""Recipes on small graphs with known answers, run by onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from exporters import graphs
from exporters.block_graphs import quantize_in_blocks
from exporters.blocks import BlockSettings, dequantize_blocks, pack_nibbles, quantize_blocks, unpack_nibbles
from exporters.dynamic import quantize_columns, quantize_rows
from exporters.failure import ExportFailure
from exporters.graphs import Aside
from exporters.quantize import BLOCKS_INT8, block_settings, check_recipes, operators_of_graph, quantize, recipe_for
from exporters.rounded import Rounded
from workbench.runtime.graph_metadata import graph_metadata
from workbench.runtime.session import EXACT_INT8

VOCABULARY, WIDTH = 1024, 64
RANDOM = np.random.default_rng(5)
TABLE = RANDOM.standard_normal((VOCABULARY, WIDTH)).astype(np.float32)
SQUARE = RANDOM.standard_normal((WIDTH, WIDTH)).astype(np.float32) / 8
BIAS = RANDOM.standard_normal(WIDTH).astype(np.float32)
IDS = np.array([[3, 900, 3, 41]], np.int64)


def model_of(nodes: list[NodeProto], weights: dict[str, Any], ids: bool = True) -> ModelProto:
    kind, shape = (TensorProto.INT64, ["batch", "sequence"]) if ids else (TensorProto.FLOAT, None)
    inputs = [helper.make_tensor_value_info("ids" if ids else "x", kind, shape)]
    if any(node.op_type == "If" for node in nodes):
        inputs.append(helper.make_tensor_value_info("use_cache", TensorProto.BOOL, [1]))
    graph = helper.make_graph(
        nodes,
        "model",
        inputs,
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def tied_nodes(prefix: str = "", output: str = "logits") -> list[NodeProto]:
    """Embedding → product → head tied to the embedding."""
    return [
        helper.make_node("Gather", ["table", "ids"], [f"{prefix}rows"], name=f"{prefix}embed"),
        helper.make_node("MatMul", [f"{prefix}rows", "square"], [f"{prefix}hidden"], name=f"{prefix}hidden"),
        helper.make_node("Transpose", ["table"], [f"{prefix}head"], name=f"{prefix}turn", perm=[1, 0]),
        helper.make_node("MatMul", [f"{prefix}hidden", f"{prefix}head"], [output], name=f"{prefix}head"),
    ]


def tied() -> ModelProto:
    return model_of(tied_nodes(), {"table": TABLE, "square": SQUARE})


def merged() -> ModelProto:
    """The same computation in both branches of an ``If``, values named alike, weights outside, like merged decoders."""
    branches = {
        name: helper.make_graph(
            [
                *tied_nodes(output="raw"),
                # Range stays fp32 in a float16 graph: a value that must be cast within its branch
                helper.make_node("Range", ["zero", "one", "one"], ["steps"]),
                helper.make_node("Mul", ["steps", "zero"], ["nothing"]),
                helper.make_node("Add", ["raw", "nothing"], ["logits"]),
            ],
            name,
            [],
            [helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)],
        )
        for name in ("then_branch", "else_branch")
    }
    weights = {"table": TABLE, "square": SQUARE, "zero": np.float32(0), "one": np.float32(1)}
    return model_of([helper.make_node("If", ["use_cache"], ["logits"], name="if", **branches)], weights)


def run(path: Path, *, exact: bool = True, **feeds: Any) -> Any:
    options = ort.SessionOptions()
    if exact:
        options.add_session_config_entry(*EXACT_INT8)
    options.log_severity_level = 3
    return ort.InferenceSession(path, options, providers=["CPUExecutionProvider"]).run(None, feeds)[0]


def cosine(left: Any, right: Any) -> float:
    left, right = left.ravel(), right.ravel()
    return float(left @ right / np.linalg.norm(left) / np.linalg.norm(right))


def test_blocks_are_exact_to_half_a_step_and_keep_zero() -> None:
    rows = np.concatenate([TABLE[:6, :50], np.zeros((1, 50), np.float32)])
    blocks = quantize_blocks(rows, 8, 32)
    assert blocks.values.shape == (7, 2, 32)
    assert blocks.scales.shape == (7, 2)
    back = dequantize_blocks(blocks, 8, 50)
    assert np.all(np.abs(back - rows) <= np.repeat(blocks.scales, 32, axis=1)[:, :50] * 0.501)
    assert not back[-1].any()


def test_four_bits_are_nearer_than_those_of_the_farthest_value() -> None:
    rows = np.concatenate([TABLE[:200], np.zeros((1, WIDTH), np.float32)])
    blocks = quantize_blocks(rows, 4, 32)
    assert blocks.values.max() < 16
    back = dequantize_blocks(blocks, 4, WIDTH)
    assert not back[-1].any()
    parts = rows.reshape(-1, 2, 32)
    farthest = np.take_along_axis(parts, np.abs(parts).argmax(axis=2)[:, :, None], axis=2)
    scale = np.where(farthest == 0, 1, farthest / -8)
    plain = (np.clip(np.rint(parts / scale), -8, 7) * scale).reshape(rows.shape)
    assert np.square(back - rows).mean() < 0.95 * np.square(plain - rows).mean()


def test_what_four_bits_can_say_is_said_exactly() -> None:
    rows = (RANDOM.integers(-8, 8, (5, 64)) * np.float32(0.25)).astype(np.float32)
    rows[:, ::32] = -2.0  # each block uses the whole range
    assert np.allclose(dequantize_blocks(quantize_blocks(rows, 4, 32), 4, 64), rows, atol=1e-6)


def test_two_values_of_four_bits_share_a_byte() -> None:
    packed = pack_nibbles(np.array([[1, 2, 15, 0]], np.uint8))
    assert packed.tolist() == [[0x21, 0x0F]]
    assert unpack_nibbles(packed).tolist() == [[1, 2, 15, 0]]


@pytest.mark.parametrize(("bits", "head_bits", "least"), [(8, 8, 0.9999), (4, 8, 0.99), (4, 4, 0.98)])
def test_the_head_and_the_embedding_have_bits_of_their_own(bits: int, head_bits: int, least: float) -> None:
    model = tied()
    assert quantize_in_blocks(model, BlockSettings(bits, 8, head_bits, 32, 64, 4), Aside()) == 3
    found = {node.name: graphs.attribute(node, "bits", 0) for node in model.graph.node if node.domain}
    assert found == {"hidden": bits, "embed_values": head_bits, "head": head_bits}
    source, made = (
        ort.InferenceSession(item.SerializeToString(), providers=["CPUExecutionProvider"]) for item in (tied(), model)
    )
    feeds = {"ids": IDS}
    assert cosine(source.run(None, feeds)[0], made.run(None, feeds)[0]) > least


def test_words_are_as_near_though_their_tied_head_has_half_the_bits() -> None:
    """The head has the 4 bits that it was rounded to, and an embedding those and the 4 that are left of it."""
    rounded, model = Rounded(), tied()
    head = quantize_blocks(TABLE, 4, 32)
    rounded.add(TABLE, 4, head)
    model.graph.output.append(helper.make_tensor_value_info("rows", TensorProto.FLOAT, None))
    assert quantize_in_blocks(model, BlockSettings(4, 8, 8, 32, 64, 4), Aside(), rounded) == 3
    bits = {node.name: graphs.attribute(node, "bits", 0) for node in model.graph.node if node.domain}
    assert bits == {"hidden": 4, "embed_values": 4, "embed_rest_values": 4, "head": 4}
    weights = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    assert np.array_equal(weights["table_blocks"], pack_nibbles(head.values)), "one for both"
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    rows = session.run(["rows"], {"ids": IDS})[0]
    apart = np.abs(rows - TABLE[IDS]).max()
    in_eight = np.abs(dequantize_blocks(quantize_blocks(TABLE, 8, 64), 8, WIDTH) - TABLE)[IDS].max()
    in_four = np.abs(dequantize_blocks(head, 4, WIDTH) - TABLE)[IDS].max()
    assert apart < min(3 * in_eight, in_four / 5)


@pytest.mark.parametrize(("width", "block_size"), [(64, 64), (192, 64), (96, 32), (50, 32)])
def test_weights_of_8_bits_have_blocks_of_their_own_where_they_divide_a_row(width: int, block_size: int) -> None:
    random = np.random.default_rng(4)
    weight, x = (random.standard_normal(shape).astype(np.float32) for shape in ((width, 16), (3, width)))

    def model(bits: int, *, quantized: bool) -> ModelProto:
        made = model_of([helper.make_node("MatMul", ["x", "weight"], ["logits"])], {"weight": weight}, ids=False)
        if quantized:
            assert quantize_in_blocks(made, BlockSettings(bits, bits, bits, 32, 64, 4), Aside()) == 1
        return made

    for bits, wanted, least in ((8, block_size, 0.9999), (4, 32, 0.98)):
        made = model(bits, quantized=True)
        assert graphs.attribute(made.graph.node[0], "block_size", 0) == wanted
        plain, small = (
            ort.InferenceSession(item.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]
            for item in (model(bits, quantized=False), made)
        )
        assert cosine(plain, small) > least


@pytest.mark.parametrize(
    ("bits", "width", "rescaled", "block_size"),
    [
        (8, 1024, True, 256),
        (8, 1536, True, 256),
        (8, 1088, True, 64),
        (8, 1056, True, 32),
        (8, 768, True, 64),
        (8, 1536, False, 32),
        (4, 1536, True, 32),
    ],
)
def test_long_rows_of_8_bits_have_large_blocks_where_their_channels_are_of_one_size(
    bits: int, width: int, rescaled: bool, block_size: int
) -> None:
    assert block_settings(BLOCKS_INT8.settings).block_size_of(bits, width, rescaled=rescaled) == block_size


@pytest.mark.parametrize("ids", [IDS, IDS[0], IDS[:, :, None]])
def test_positions_are_looked_up_by_ids_of_any_shape(ids: Any) -> None:
    model = model_of([helper.make_node("Gather", ["table", "ids"], ["logits"], name="embed")], {"table": TABLE})
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    model.graph.input[0].type.tensor_type.ClearField("shape")
    assert quantize_in_blocks(model, BlockSettings(8, 8, 8, 32, 64, 4), Aside()) == 1
    session = ort.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    got = session.run(None, {"ids": ids})[0]
    assert got.shape == (*ids.shape, WIDTH)
    assert cosine(got, TABLE[ids]) > 0.9999


@pytest.mark.parametrize("name", ["/model/layers.0/attn/qkv_proj/MatMul", "/transformer/h.0/attn/c_attn/Gemm"])
def test_queries_keys_and_values_have_bits_of_their_own(name: str) -> None:
    model = tied()
    model.graph.node[1].name = name
    quantize_in_blocks(model, BlockSettings(4, 8, 4, 32, 64, 4), Aside())
    assert {graphs.attribute(node, "bits", 0) for node in model.graph.node if node.name == name} == {8}


def test_weights_beside_a_graph_are_read_though_it_is_a_hard_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphs, "EXTERNAL_DATA_FROM_BYTES", 10_000)
    source, linked = tmp_path / "model.onnx", tmp_path / "linked" / "model.onnx"
    graphs.save(tied(), source)
    linked.parent.mkdir()
    for path in graphs.files_of(source):
        (linked.parent / path.name).hardlink_to(path)
    small = linked.with_name("model_q4.onnx")
    quantize(linked, small, recipe_for("q4", "text-generation-with-past"))
    assert cosine(run(source, ids=IDS), run(small, ids=IDS)) > 0.98
    assert graphs.load(linked) == graphs.load(source)


@pytest.mark.parametrize("by_column", [True, False])
def test_channels_are_exact_to_half_a_step_and_signed(by_column: bool) -> None:
    values, scales = quantize_columns(SQUARE) if by_column else quantize_rows(SQUARE)
    assert values.dtype == np.int8
    assert values.min() >= -127
    steps = scales if by_column else scales[:, None]
    assert np.all(np.abs(values * steps - SQUARE) <= steps * 0.501)
    assert not quantize_columns(np.zeros((3, 2), np.float32))[0].any()


@pytest.mark.parametrize("inputs", [1, 7, 64])
def test_no_two_neighbours_of_a_column_overflow(inputs: int) -> None:
    matrix = np.random.default_rng(0).standard_normal((inputs, 200)).astype(np.float32)
    matrix[:, 0] = 1  # all as large as can be
    matrix[:, 1] = -1
    values, scales = quantize_columns(matrix)
    pairs = np.zeros((inputs + inputs % 2, 200), np.int64)
    pairs[:inputs] = values
    for sign in (1, -1):
        sums = np.maximum(sign * pairs, 0)
        assert (255 * (sums[::2] + sums[1::2])).max() <= 32767
    # Few columns lose as much as a bit.
    assert np.median(scales / (np.abs(matrix).max(axis=0) / 127)) < 1.5


def test_products_of_large_numbers_are_the_same_with_every_kernel(tmp_path: Path) -> None:
    """Processors without VNNI have two kernels, of which the faster one overflows on pairs of large weights."""
    random = np.random.default_rng(0)
    weight = np.where(random.random((WIDTH, 40)) < 0.5, 1, 0.98).astype(np.float32)
    source, target = tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    node = helper.make_node("MatMul", ["x", "w"], ["logits"], name="product")
    graphs.save(model_of([node], {"w": weight}, ids=False), source)
    quantize(source, target, recipe_for("int8", "feature-extraction"))
    x = random.uniform(0.9, 1, (4, WIDTH)).astype(np.float32)
    np.testing.assert_array_equal(run(target, exact=False, x=x), run(target, exact=True, x=x))
    assert cosine(run(target, exact=False, x=x), run(source, x=x)) > 0.9999
    assert graph_metadata(target) == {"workbench.overflow_free": "1"}


@pytest.mark.parametrize("task", ["feature-extraction", "text-generation-with-past"])
def test_a_tied_head_shares_its_int8_weight_with_the_embedding(tmp_path: Path, task: str) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    graphs.save(tied(), source)
    quantize(source, target, recipe_for("int8", task))
    assert target.stat().st_size < source.stat().st_size * 0.33
    assert cosine(run(source, ids=IDS), run(target, ids=IDS)) > 0.999
    made = graphs.load(target)
    floats = [t.name for t in made.graph.initializer if t.data_type == TensorProto.FLOAT and len(t.dims) == 2]
    assert all("scale" in name for name in floats)


@pytest.mark.parametrize(("precision", "share"), [("int8", 0.33), ("fp16", 0.55)])
def test_branches_share_their_weights_and_agree(tmp_path: Path, precision: str, share: float) -> None:
    source, target = tmp_path / "decoder_model_merged.onnx", tmp_path / "made.onnx"
    graphs.save(merged(), source)
    quantize(source, target, recipe_for(precision, "automatic-speech-recognition-with-past"))
    assert target.stat().st_size < source.stat().st_size * share
    # onnxruntime does not mend the branches' products on processors without VNNI: there they are as exact as those of
    # the same graph without branches that is not mended either.
    plain, small = tmp_path / "plain.onnx", tmp_path / "small.onnx"
    graphs.save(tied(), plain)
    quantize(plain, small, recipe_for(precision, "feature-extraction"))
    least = min(0.999, cosine(run(plain, ids=IDS), run(small, exact=False, ids=IDS)) - 1e-5)
    assert least > 0.99
    for branch in (True, False):
        feeds = {"ids": IDS, "use_cache": np.array([branch])}
        answer = run(target, **feeds)
        assert answer.dtype == np.float32
        assert cosine(run(source, **feeds), answer) > least


@pytest.mark.parametrize("task", ["feature-extraction", "text-generation"])
@pytest.mark.parametrize("turned", [0, 1])
def test_gemm_keeps_its_bias(tmp_path: Path, task: str, turned: int) -> None:
    node = helper.make_node("Gemm", ["x", "square", "bias"], ["logits"], name="gemm", transB=turned)
    source, target = tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    graphs.save(model_of([node], {"square": SQUARE, "bias": BIAS}, ids=False), source)
    quantize(source, target, recipe_for("int8", task))
    x = RANDOM.standard_normal((3, WIDTH)).astype(np.float32)
    wanted = x @ (SQUARE.T if turned else SQUARE) + BIAS
    assert np.abs(run(target, x=x) - wanted).max() < 0.1


def test_a_scaled_gemm_is_left_alone(tmp_path: Path) -> None:
    node = helper.make_node("Gemm", ["x", "square"], ["logits"], name="gemm", alpha=0.5)
    source = tmp_path / "model.onnx"
    graphs.save(model_of([node], {"square": SQUARE}, ids=False), source)
    with pytest.raises(ExportFailure, match="export-nothing-to-quantize"):
        quantize(source, tmp_path / "model_int8.onnx", recipe_for("int8", "feature-extraction"))


def network(convolutions: int, matrices: int, kernel: tuple[int, ...] = (3, 3)) -> ModelProto:
    nodes, weights = [], {}
    for number in range(convolutions):
        weights[f"kernel{number}"] = np.zeros((8, 8, *kernel), np.float32)
        nodes.append(helper.make_node("Conv", ["x", f"kernel{number}"], [f"c{number}"]))
    for number in range(matrices):
        weights[f"matrix{number}"] = np.zeros((64, 64), np.float32)
        nodes.append(helper.make_node("MatMul", ["x", f"matrix{number}"], [f"m{number}"]))
    return model_of(nodes, weights, ids=False)


@pytest.mark.parametrize(
    ("model", "refused"),
    [
        (network(20, 1), True),  # ResNet
        (network(18, 36), True),  # ConvNeXt: two matrices for each convolution
        (network(1, 48), False),  # ViT
        (network(2, 32, (3,)), False),  # Whisper's encoder
        (network(7, 8, (3,)), False),  # wav2vec 2.0, few layers
        (network(0, 4), False),
    ],
)
def test_dynamic_int8_refuses_convolutional_networks(model: ModelProto, refused: bool) -> None:
    if not refused:
        check_recipes(operators_of_graph(model), ["fp32", "int8"], "image-classification")
        return
    with pytest.raises(ExportFailure, match="export-quantize-convolutions"):
        check_recipes(operators_of_graph(model), ["fp32", "int8"], "image-classification")
    check_recipes(operators_of_graph(model), ["fp32", "fp16"], "image-classification")


def test_language_models_are_never_quantized_dynamically() -> None:
    assert recipe_for("int8", "text-generation-with-past").method == "blocks"
    assert recipe_for("int8", "text-classification").method == "dynamic"


def test_four_bits_are_for_language_models_only() -> None:
    assert recipe_for("q4", "text-generation-with-past").settings["bits"] == 4
    with pytest.raises(ExportFailure, match="export-no-recipe"):
        recipe_for("q4", "text-classification")


def test_four_bits_can_be_reckoned_with_in_half_precision(tmp_path: Path) -> None:
    source, target = tmp_path / "model.onnx", tmp_path / "model_q4f16.onnx"
    graphs.save(tied(), source)
    quantize(source, target, recipe_for("q4f16", "text-generation-with-past"))
    made = graphs.load(target)
    assert TensorProto.FLOAT not in {item.data_type for item in made.graph.initializer}
    assert {item.op_type for item in made.graph.node} >= {"MatMulNBits", "GatherBlockQuantized"}
    answer = run(target, ids=IDS)
    assert answer.dtype == np.float16
    assert cosine(run(source, ids=IDS), answer.astype(np.float32)) > 0.98


def test_weights_over_the_limit_go_beside_the_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "EXTERNAL_DATA_FROM_BYTES", 10_000)
    source, target = tmp_path / "model.onnx", tmp_path / "model_int8.onnx"
    graphs.save(tied(), source)
    quantize(source, target, recipe_for("int8", "feature-extraction"))
    assert [path.name for path in graphs.files_of(target)] == ["model_int8.onnx", "model_int8.onnx_data"]
    assert cosine(run(source, ids=IDS), run(target, ids=IDS)) > 0.999


def test_of_speech_the_encoder_is_kept_and_the_decoder_gets_blocks(tmp_path: Path) -> None:
    encoder, decoder = tmp_path / "encoder_model.onnx", tmp_path / "decoder_model_merged.onnx"
    recipe = recipe_for("int8", "automatic-speech-recognition-with-past")
    for path in (encoder, decoder):
        graphs.save(tied(), path)
        quantize(path, path.with_name(f"{path.stem}_int8.onnx"), recipe)
    assert graphs.load(encoder.with_name("encoder_model_int8.onnx")) == graphs.load(encoder)
    made = graphs.load(decoder.with_name("decoder_model_merged_int8.onnx"))
    assert {graphs.attribute(node, "bits", 0) for node in made.graph.node if node.op_type == "MatMulNBits"} == {8}
    told = recipe.to_json(("encoder_model", "decoder_model_merged"))["graphs"]
    assert {name: part["method"] for name, part in told.items()} == {"encoder": "kept", "decoder": "blocks"}
    assert "graphs" not in recipe.to_json(("model",)), "a model of one graph, as those of CTC are"
