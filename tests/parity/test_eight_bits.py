"""The parts of a decoder that keep 8 bits in q4: measured on tiny seeded models of many kinds."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.toolchain
KINDS = ("llama", "qwen2", "phi3", "gpt2", "gpt_neox", "phi", "opt", "bloom")


@pytest.fixture(scope="module")
def written(run_toolchain_script: Callable[..., Path]) -> Path:
    return run_toolchain_script("eight_bits")


@pytest.fixture(scope="module")
def found(written: Path) -> dict[str, Any]:
    made: dict[str, Any] = json.loads((written / "found.json").read_text("utf-8"))
    assert set(made) == {*KINDS, "experts"}
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_the_part_that_4_bits_hurt_is_found(found: dict[str, Any], kind: str) -> None:
    row = found[kind]
    assert row["told"]["parts_in_8_bits"] == [row["hurt"]]
    assert row["told"]["measured_parts"] == row["told"]["parts"] == 13
    assert row["none"]["parts_in_8_bits"] == [], "no share of the weights"


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_of_the_whole_model(found: dict[str, Any], kind: str) -> None:
    *losses, head = found[kind]["losses"]
    assert len(losses) == 3
    for measured, whole in losses:
        assert measured > 0.01
        assert measured == pytest.approx(whole, rel=1e-3)
    assert head[0] == pytest.approx(head[1], rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("case", "reason"),
    [("no_time", "time was too short"), ("odd", "layers left out"), ("no_numbers", "layers left out")],
)
def test_where_nothing_can_be_measured_a_rule_decides(found: dict[str, Any], kind: str, case: str, reason: str) -> None:
    told = found[kind][case]
    assert reason in told["not_measured"]
    layers = [title for title in told["parts_in_8_bits"] if title != "head"]
    assert [title.split(".")[0] for title in layers] == ["0", "1", "2"]
    assert all("attn" in title or "attention" in title for title in layers)
    bits = told["bits"]
    kept = {f"{title.split('.')[0]}.{name}" for title in layers for name in title.split(".", 1)[1].split("+")} | {
        "head"
    }
    assert bits == {name: 8 if name in kept else 4 for name in bits}


@pytest.mark.parametrize("kind", KINDS)
def test_a_model_that_runs_long_is_measured_in_the_time_there_is(found: dict[str, Any], kind: str) -> None:
    told = found[kind]["slow"]
    assert "not_measured" not in told
    assert 2 < told["measured_parts"] < told["parts"]
    assert told["search_s"] < 75, "60, and what was begun by then"


def test_a_machine_that_gets_slower_measures_fewer_layers_but_the_last_ones_too(written: Path) -> None:
    foreseen, slower = json.loads((written / "paces.json").read_text("utf-8"))
    assert foreseen == list(range(16))
    assert 4 < len(slower) < 10
    assert max(after - before for before, after in pairwise([*slower, 16])) <= 4


@pytest.mark.parametrize("kind", KINDS)
def test_layers_that_are_alike_keep_as_many_bits(found: dict[str, Any], kind: str) -> None:
    (large, small), name = found[kind]["alike"], found[kind]["hurt"].split(".", 1)[1]
    assert large["parts_in_8_bits"] == [f"{number}.{name}" for number in range(3)]
    assert small["parts_in_8_bits"] == [], "they are too large together"
    for told in (large, small):
        assert [part for part, bits in told["bits"].items() if bits == 8] == told["parts_in_8_bits"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_fills_no_block_is_measured_too(found: dict[str, Any], kind: str) -> None:
    told = found[kind]["not_full"]
    assert told["measured_parts"] == told["parts"] == 13
    assert told["rounded_matrices"] in (0, 3), "those that read a row as long as a block"
    kept = {name for name, bits in told["bits"].items() if bits == 8}
    assert set(told["parts_in_8_bits"]) == kept
    assert found[kind]["hurt"] in kept


def test_experts_are_not_taken_for_layers(found: dict[str, Any]) -> None:
    assert found["experts"] == "+".join(["Qwen3MoeDecoderLayer"] * 3)
