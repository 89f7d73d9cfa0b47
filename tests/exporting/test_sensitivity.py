"""Which parts of a decoder keep 8 bits, by what they cost in 4."""

from __future__ import annotations

import math

import pytest

from exporters.sensitivity import Part, parts_in_8_bits

QKV, DOWN = ("attn.q_proj", "attn.k_proj"), ("mlp.down_proj",)


def titles(parts: list[Part], share: float) -> list[str]:
    return [part.title for part in parts_in_8_bits(parts, share)]


def test_those_that_cost_most_for_their_size_are_chosen_while_they_fit() -> None:
    parts = [
        Part(0, QKV, 10, 0.02),
        Part(0, DOWN, 30, 0.09),
        Part(1, QKV, 10, 0.05),
        Part(1, DOWN, 30, 0.03),
        Part(None, ("head",), 120, 0.12),
    ]
    assert titles(parts, 0.2) == ["1.attn.q_proj+attn.k_proj", "0.mlp.down_proj"]
    # What is too large is passed over, not the end.
    assert titles(parts, 0.1) == ["1.attn.q_proj+attn.k_proj", "0.attn.q_proj+attn.k_proj"]
    assert titles(parts, 0.0) == []
    assert len(titles(parts, 1.0)) == 5
    assert titles([*parts[:4], Part(None, ("head",), 120, 1.2)], 0.65) == ["head", "1.attn.q_proj+attn.k_proj"]


def test_what_was_not_measured_costs_what_the_nearest_layer_does() -> None:
    parts = [Part(layer, QKV, 10, loss) for layer, loss in enumerate((0.5, None, None, None, 0.1))]
    parts += [Part(layer, DOWN, 10, loss) for layer, loss in enumerate((0.2, None, None, None, 0.3))]
    assert titles(parts, 0.41) == [
        "0.attn.q_proj+attn.k_proj",
        "1.attn.q_proj+attn.k_proj",
        "2.attn.q_proj+attn.k_proj",
        "3.mlp.down_proj",
    ]


@pytest.mark.parametrize("loss", [0.0, -1e-9])
def test_what_costs_nothing_keeps_4_bits(loss: float) -> None:
    assert parts_in_8_bits([Part(0, QKV, 10, loss), Part(0, DOWN, 10, loss), Part(1, ("other",), 10)], 1.0) == []


def test_what_is_broken_in_4_bits_comes_first() -> None:
    parts = [Part(0, QKV, 10, 0.5), Part(0, DOWN, 10, math.inf)]
    assert titles(parts, 0.5) == ["0.mlp.down_proj"]
