"""Graphs by precision, and which one runs when nobody says."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest

from exporters.protocol import PRECISIONS
from tests.library.building import write_files
from workbench.errors import ModelError, UsageError
from workbench.library import variants as variants_module
from workbench.library.variants import (
    choose_variant,
    external_data,
    find_variants,
    graphs_by_precision,
    variant_bytes,
)
from workbench.tasks.catalog import TASKS
from workbench.tasks.info import Layout

ONE = (Layout("text-classification"),)
SPEECH = TASKS["automatic-speech-recognition"].layouts_for(("WhisperForConditionalGeneration",))


@pytest.mark.parametrize(
    ("name", "precision", "graph"),
    [
        ("onnx/model.onnx", "fp32", "model"),
        ("model.onnx", "fp32", "model"),
        ("onnx/model_fp16.onnx", "fp16", "model"),
        ("onnx/model_int8.onnx", "int8", "model"),
        ("onnx/model_int8_static.onnx", "int8-static", "model"),
        ("onnx/model_quantized.onnx", "q8", "model"),
        ("onnx/model_uint8.onnx", "uint8", "model"),
        ("onnx/model_q4.onnx", "q4", "model"),
        ("onnx/model_q4f16.onnx", "q4f16", "model"),
        ("onnx/model_bnb4.onnx", "bnb4", "model"),
        ("onnx/decoder_model_merged_q4f16.onnx", "q4f16", "decoder_model_merged"),
        ("decoder_with_past_model.onnx", "fp32", "decoder_with_past_model"),
    ],
)
def test_every_suffix_is_a_precision(name: str, precision: str, graph: str) -> None:
    assert graphs_by_precision([name]) == {precision: {graph: name}}


def test_all_precisions_of_the_table_can_be_found_and_ordered() -> None:
    names = [f"onnx/model{item.suffix}.onnx" for item in PRECISIONS.values()]
    assert list(graphs_by_precision(reversed(names))) == list(PRECISIONS)
    assert set(variants_module.EXACT_FIRST) == set(PRECISIONS)


@pytest.mark.parametrize(
    "name", ["model.onnx_data", "sub/onnx/model.onnx", "unet/model.onnx", "onnx/_q4.onnx", "x.bin"]
)
def test_what_is_no_graph_of_the_folder(name: str) -> None:
    assert graphs_by_precision([name]) == {}


def test_the_onnx_folder_goes_before_the_folder_itself() -> None:
    found = graphs_by_precision(["model.onnx", "onnx/model.onnx", "encoder_model.onnx"])
    assert found == {"fp32": {"model": "onnx/model.onnx", "encoder_model": "encoder_model.onnx"}}


class TestFinding:
    def test_in_both_places_and_only_what_is_there(self, tmp_path: Path) -> None:
        write_files(tmp_path, {"onnx/model_q4.onnx": "x", "model.onnx": "x", "onnx/notes.txt": "x"})
        (tmp_path / "onnx" / "model_fp16.onnx").symlink_to("nothing")
        (tmp_path / "onnx" / "model_int8.onnx").mkdir()
        found = find_variants(tmp_path)
        assert found == {
            "fp32": {"model": tmp_path / "model.onnx"},
            "q4": {"model": tmp_path / "onnx" / "model_q4.onnx"},
        }

    def test_a_folder_without_graphs(self, tmp_path: Path) -> None:
        assert find_variants(tmp_path) == {}
        assert find_variants(tmp_path / "none") == {}

    def test_weights_beside_a_graph(self, tmp_path: Path) -> None:
        names = [
            "model.onnx",
            "model.onnx_data",
            "model.onnx_data_1",
            "model.onnx.data",
            "model_q4.onnx_data",
            "m.onnx_data",
        ]
        write_files(tmp_path, {f"onnx/{name}": "x" * 10 for name in names})
        graph = tmp_path / "onnx" / "model.onnx"
        assert [path.name for path in external_data(graph)] == [
            "model.onnx.data",
            "model.onnx_data",
            "model.onnx_data_1",
        ]
        assert variant_bytes({"model": graph}) == 40

    def test_signs_of_patterns_in_a_name_are_letters(self, tmp_path: Path) -> None:
        write_files(tmp_path, {"m[1]*?.onnx": "x", "m[1]*?.onnx_data": "x", "m1a.onnx_data": "x"})
        assert [path.name for path in external_data(tmp_path / "m[1]*?.onnx")] == ["m[1]*?.onnx_data"]


def some(*precisions: str, graph: str = "model") -> dict[str, dict[str, Path]]:
    return {name: {graph: Path(f"{graph}-{name}")} for name in precisions}


class TestChoosing:
    @pytest.mark.parametrize(
        ("there", "recommended", "chosen", "why"),
        [
            (("fp32", "fp16", "int8", "q4"), None, "fp32", "most-exact"),
            (("fp16", "int8", "q8", "q4"), None, "fp16", "most-exact"),
            (("q8", "uint8", "q4f16", "bnb4"), None, "q8", "most-exact"),
            (("q4",), None, "q4", "only"),
            (("fp32", "int8"), "int8", "int8", "recommended"),
            (("fp32", "int8"), "fp16", "fp32", "most-exact"),
        ],
    )
    def test_when_nobody_says(self, there: tuple[str, ...], recommended: str | None, chosen: str, why: str) -> None:
        choice = choose_variant(some(*there), ONE, folder=Path("f"), recommended=recommended)
        assert (choice.precision, choice.why) == (chosen, why)
        assert choice.graphs == {"model": Path(f"model-{chosen}")}

    @pytest.mark.parametrize(("word", "chosen"), [("q4", "q4"), ("int4", "q4"), ("float32", "fp32"), ("half", "fp16")])
    def test_what_is_asked_for_by_name_or_alias(self, word: str, chosen: str) -> None:
        choice = choose_variant(some("fp32", "fp16", "q4"), ONE, folder=Path("f"), precision=word, recommended="fp32")
        assert (choice.precision, choice.why) == (chosen, "asked")

    def test_a_precision_that_does_not_exist(self) -> None:
        with pytest.raises(UsageError, match="int9") as caught:
            choose_variant(some("fp32"), ONE, folder=Path("f"), precision="int9")
        assert all(name in str(caught.value) for name in PRECISIONS)

    def test_a_precision_that_is_not_there(self) -> None:
        with pytest.raises(ModelError, match="it has fp32, q4") as caught:
            choose_variant(some("fp32", "q4"), ONE, folder=Path("f"), precision="int8")
        assert caught.value.code == "variant-missing"

    def test_no_graph_at_all(self) -> None:
        with pytest.raises(ModelError) as caught:
            choose_variant({}, ONE, folder=Path("f"))
        assert caught.value.code == "variant-none"

    def test_graphs_of_another_task(self) -> None:
        with pytest.raises(ModelError, match="encoder_model, decoder_model_merged") as caught:
            choose_variant(some("fp32"), SPEECH, folder=Path("f"))
        assert caught.value.code == "variant-none"


class TestSeveralGraphs:
    merged: ClassVar = {"encoder_model": Path("e"), "decoder_model_merged": Path("m")}
    split: ClassVar = {"encoder_model": Path("e"), "decoder_model": Path("d"), "decoder_with_past_model": Path("p")}

    def test_merged_goes_before_split(self) -> None:
        choice = choose_variant({"fp32": self.merged | self.split}, SPEECH, folder=Path("f"))
        assert choice.graphs == self.merged

    def test_split_where_there_is_no_merged_one(self) -> None:
        assert choose_variant({"fp32": self.split}, SPEECH, folder=Path("f")).graphs == self.split

    def test_an_incomplete_precision_is_passed_over(self) -> None:
        there = {"fp32": {"encoder_model": Path("e")}, "q8": self.merged}
        choice = choose_variant(there, SPEECH, folder=Path("f"))
        assert (choice.precision, choice.why) == ("q8", "only")

    def test_an_incomplete_precision_that_is_asked_for(self) -> None:
        there = {"fp32": {"encoder_model": Path("e")}, "q8": self.merged}
        with pytest.raises(ModelError, match="lacks the graph decoder_model_merged") as caught:
            choose_variant(there, SPEECH, folder=Path("f"), precision="fp32")
        assert caught.value.code == "variant-incomplete"
