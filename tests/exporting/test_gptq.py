"""GPTQ on matrices with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from exporters import gptq
from exporters.blocks import Blocks, block_scales, dequantize_blocks, quantize_blocks
from exporters.gptq import inverse_factor, round_by_factor

RANDOM = np.random.default_rng(7)
INPUTS, OUTPUTS, BLOCK = 64, 24, 32
ROWS = RANDOM.standard_normal((OUTPUTS, INPUTS)).astype(np.float32)


def round_by_hessian(rows: np.ndarray, hessian: np.ndarray, bits: int, block_size: int) -> Blocks:
    return round_by_factor(rows, inverse_factor(hessian), bits, block_size)


def error(blocks: Blocks, bits: int, x: np.ndarray) -> float:
    """Mean squared error of the product with inputs [samples, INPUTS]."""
    return float(np.square((dequantize_blocks(blocks, bits, INPUTS) - ROWS) @ x.T).mean())


def correlated(count: int) -> np.ndarray:
    """Inputs of eight directions and a little of everything."""
    few = np.random.default_rng(1).standard_normal((8, INPUTS))
    made = RANDOM.standard_normal((count, 8)) @ few + 0.1 * RANDOM.standard_normal((count, INPUTS))
    return made.astype(np.float32)


@pytest.mark.parametrize("bits", [4, 8])
def test_what_goes_together_makes_up_for_each_other(bits: int) -> None:
    seen, unseen = correlated(512), correlated(512)
    made = round_by_hessian(ROWS, seen.T @ seen, bits, BLOCK)
    assert made.values.shape == (OUTPUTS, 2, BLOCK)
    assert made.scales.shape == (OUTPUTS, 2)
    assert error(made, bits, unseen) < 0.3 * error(quantize_blocks(ROWS, bits, BLOCK), bits, unseen)


def test_what_few_inputs_have_in_common_by_chance_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four channels that know nothing of each other, seen in as many samples."""
    seen, unseen = (RANDOM.standard_normal((count, INPUTS)).astype(np.float32) for count in (64, 4096))
    shrunk = round_by_hessian(ROWS, seen.T @ seen, 4, BLOCK)
    monkeypatch.setattr(gptq, "SHRINKAGE", 0.0)
    assert error(shrunk, 4, unseen) < 0.9 * error(round_by_hessian(ROWS, seen.T @ seen, 4, BLOCK), 4, unseen)


def test_rows_in_slices_are_rounded_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = correlated(512)
    whole = round_by_hessian(ROWS, seen.T @ seen, 4, BLOCK)
    monkeypatch.setattr(gptq, "SLICE_ELEMENTS", 5 * INPUTS)
    made = round_by_hessian(ROWS, seen.T @ seen, 4, BLOCK)
    assert np.array_equal(made.values, whole.values)
    assert np.allclose(made.scales, whole.scales)


@pytest.mark.parametrize("bits", [4, 8])
def test_without_correlation_each_value_is_rounded_to_the_nearest(bits: int) -> None:
    made = round_by_hessian(ROWS, np.eye(INPUTS, dtype=np.float32), bits, BLOCK)
    plain = quantize_blocks(ROWS, bits, BLOCK)
    if bits == 8:
        assert np.array_equal(made.values, plain.values)
        assert np.allclose(made.scales, plain.scales)
    scales = block_scales(ROWS.reshape(OUTPUTS, 2, BLOCK), bits, np.ones(BLOCK, np.float32))
    limit = 1 << (bits - 1)
    nearest = np.clip(np.rint(ROWS.reshape(OUTPUTS, 2, BLOCK) / scales), -limit, limit - 1) + limit
    assert np.array_equal(made.values, nearest)


def test_large_inputs_count_for_more() -> None:
    sizes = np.where(np.arange(INPUTS) % 8 == 0, 30, 1).astype(np.float32)
    x = RANDOM.standard_normal((256, INPUTS)).astype(np.float32) * sizes
    made, plain = round_by_hessian(ROWS, np.diag(sizes**2), 4, BLOCK), quantize_blocks(ROWS, 4, BLOCK)
    assert error(made, 4, x) < 0.8 * error(plain, 4, x)


def test_inputs_that_are_never_there_leave_finite_weights() -> None:
    hessian = np.eye(INPUTS, dtype=np.float32)
    hessian[5] = hessian[:, 5] = 0
    for one in (hessian, np.zeros_like(hessian)):
        back = dequantize_blocks(round_by_hessian(ROWS, one, 4, BLOCK), 4, INPUTS)
        assert np.isfinite(back).all()
        assert np.square(back - ROWS).mean() < 0.02


def test_rows_of_zeros_stay_zeros() -> None:
    made = round_by_hessian(np.zeros((3, INPUTS), np.float32), np.eye(INPUTS, dtype=np.float32), 4, BLOCK)
    assert not dequantize_blocks(made, 4, INPUTS).any()


def test_inputs_that_are_no_numbers_are_refused() -> None:
    with pytest.raises(np.linalg.LinAlgError):
        round_by_hessian(ROWS, np.full((INPUTS, INPUTS), np.nan, np.float32), 4, BLOCK)
