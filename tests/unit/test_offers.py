"""Which precisions are offered for which model, told out of the shapes of its weights."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from workbench.offers import convolution_share, offered_precisions, usual_precisions

VIT = [(64, 3, 16, 16), *[(64, 64)] * 24, (64,)]
RESNET = [*[(64, 64, 3, 3)] * 20, (64,), (1000, 512)]
CONVNEXT = [*[(96, 1, 7, 7)] * 18, *[(384, 96)] * 36]
SPEECH = [*[(64, 64, 3)] * 2, *[(64, 64)] * 32]


def weights(folder: Path, shapes: list[tuple[int, ...]]) -> Path:
    header = {f"w{n}": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]} for n, shape in enumerate(shapes)}
    text = json.dumps({**header, "__metadata__": {"format": "pt"}}).encode()
    path = folder / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(text)) + text)
    return path


@pytest.mark.parametrize(
    ("shapes", "is_network"), [(RESNET, True), (CONVNEXT, True), (VIT, False), (SPEECH, False), ([], False)]
)
def test_a_convolutional_network_is_known_by_its_weights(shapes: list[tuple[int, ...]], is_network: bool) -> None:
    assert (convolution_share(shapes) > 0) is is_network


def test_a_convolutional_network_gets_static_int8(tmp_path: Path) -> None:
    offers = offered_precisions("image-classification", [weights(tmp_path, RESNET)])
    assert [offer.precision for offer in offers] == ["fp32", "fp16", "int8", "int8-static"]
    assert usual_precisions(offers) == ("fp32", "int8-static")
    refused = {offer.precision: offer.reason for offer in offers if offer.reason}
    assert list(refused) == ["int8"]
    assert refused["int8"].code == "export-quantize-convolutions"  # type: ignore[union-attr]


def test_a_transformer_gets_both_and_dynamic_int8_unasked(tmp_path: Path) -> None:
    for task, shapes in (("text-classification", [(64, 64)] * 9), ("image-classification", VIT)):
        offers = offered_precisions(task, [weights(tmp_path, shapes)])
        assert [offer.precision for offer in offers if not offer.reason] == ["fp32", "fp16", "int8", "int8-static"]
        assert usual_precisions(offers) == ("fp32", "int8")


def test_what_writes_text_gets_no_static_int8(tmp_path: Path) -> None:
    offers = offered_precisions("text-generation", [weights(tmp_path, [(64, 64)])])
    assert [offer.precision for offer in offers] == ["fp32", "fp16", "int8", "q4", "q4f16"]


def test_a_pickle_or_a_broken_header_tells_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "model.safetensors"
    broken.write_bytes(b"short")
    offers = offered_precisions("image-classification", [tmp_path / "pytorch_model.bin", broken])
    assert usual_precisions(offers) == ("fp32", "int8")
