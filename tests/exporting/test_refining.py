"""Rounded matrices that are made better: less error in their products, and nothing lost where none is to be had."""

from __future__ import annotations

import numpy as np
import pytest

from exporters import refining
from exporters.blocks import Blocks, dequantize_blocks, quantize_blocks
from exporters.gptq import inverse_factor, round_by_factor
from exporters.refining import refine

RANDOM = np.random.default_rng(3)
INPUTS, OUTPUTS, BLOCK, BITS = 128, 24, 64, 4
ROWS = RANDOM.standard_normal((OUTPUTS, INPUTS)).astype(np.float32)


def inputs(count: int) -> np.ndarray:
    """Inputs of sixteen directions and a little of everything, float32 [count, INPUTS]."""
    few = np.random.default_rng(1).standard_normal((16, INPUTS))
    made = RANDOM.standard_normal((count, 16)) @ few + 0.3 * RANDOM.standard_normal((count, INPUTS))
    return made.astype(np.float32)


def error(blocks: Blocks, rows: np.ndarray, x: np.ndarray) -> float:
    """Mean squared error of the product."""
    return float(np.square((dequantize_blocks(blocks, BITS, INPUTS) - rows) @ x.T).mean())


def test_products_come_nearer_on_inputs_that_were_not_seen() -> None:
    seen, unseen = inputs(2048), inputs(2048)
    hessian = seen.T @ seen
    first = round_by_factor(ROWS, inverse_factor(hessian), BITS, BLOCK)
    made = refine(ROWS, hessian, first, BITS)
    assert made.values.dtype == np.uint8
    assert made.values.max() <= 15
    assert made.scales.dtype == np.float32
    assert error(made, ROWS, unseen) < 0.9 * error(first, ROWS, unseen)


def test_no_row_gets_worse() -> None:
    x = inputs(512)
    hessian = x.T @ x
    first = quantize_blocks(ROWS, BITS, BLOCK)
    made = refine(ROWS, hessian, first, BITS)
    for row in range(OUTPUTS):
        one = slice(row, row + 1)
        before = error(Blocks(first.values[one], first.scales[one]), ROWS[one], x)
        assert error(Blocks(made.values[one], made.scales[one]), ROWS[one], x) < before


def test_what_is_exact_stays() -> None:
    codes = RANDOM.integers(-8, 8, (OUTPUTS, INPUTS))
    exact = Blocks((codes + 8).astype(np.uint8).reshape(OUTPUTS, 2, BLOCK), np.full((OUTPUTS, 2), 0.25, np.float32))
    rows = dequantize_blocks(exact, BITS, INPUTS)
    x = inputs(512)
    made = refine(rows, x.T @ x, exact, BITS)
    assert np.array_equal(made.values, exact.values)
    assert np.allclose(made.scales, exact.scales, rtol=1e-3)


@pytest.mark.parametrize("zeros", [slice(None), slice(0, BLOCK)])
def test_weights_of_zero_stay_zero(zeros: slice) -> None:
    rows = ROWS.copy()
    rows[3, zeros] = 0
    x = inputs(512)
    made = refine(rows, x.T @ x, quantize_blocks(rows, BITS, BLOCK), BITS)
    assert np.isfinite(made.scales).all()
    assert not dequantize_blocks(made, BITS, INPUTS)[3, zeros].any()


def test_few_inputs_and_some_that_are_always_zero() -> None:
    x = inputs(5)
    x[:, ::7] = 0
    made = refine(ROWS, x.T @ x, quantize_blocks(ROWS, BITS, BLOCK), BITS)
    assert np.isfinite(made.scales).all()
    assert error(made, ROWS, inputs(512)) < 3 * error(quantize_blocks(ROWS, BITS, BLOCK), ROWS, inputs(512))


def test_parts_of_a_matrix_are_as_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    x = inputs(512)
    first = quantize_blocks(ROWS, BITS, BLOCK)
    whole = refine(ROWS, x.T @ x, first, BITS)
    monkeypatch.setattr(refining, "SLICE_ELEMENTS", 5 * INPUTS)
    parts = refine(ROWS, x.T @ x, first, BITS)
    assert (parts.values == whole.values).mean() > 0.999  # sums of another length are rounded otherwise
    assert np.allclose(parts.scales, whole.scales, rtol=1e-3)
