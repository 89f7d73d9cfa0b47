"""What rounding beforehand made of weights, found again row by row.

A row is known by what it was, whatever a graph calls its weight, turns it or joins it into.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

import numpy as np

from exporters.blocks import Blocks, pack_nibbles, unpack_nibbles
from exporters.rewrite import Array

__all__ = ["NOTHING_ROUNDED", "Rounded"]


@dataclass
class Rounded:
    """Weights that were rounded already, row by row, and how many bits others are to have."""

    _weights: list[tuple[int, Blocks | None]] = field(default_factory=list)
    _places: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    @property
    def matrices(self) -> int:
        """How many were rounded."""
        return len(self._weights)

    def add(self, rows: Array, bits: int, blocks: Blocks) -> int:
        """``rows`` float32 [N, K] were rounded to ``blocks``; returns the number of this weight."""
        number = len(self._weights)
        values = pack_nibbles(blocks.values) if bits == 4 else blocks.values  # as many weights wait as the model has
        self._weights.append((bits, Blocks(values, blocks.scales)))
        for index, row in enumerate(rows):
            self._places.setdefault(_key(row), (number, index))
        return number

    def leave(self, number: int, bits: int) -> None:
        """Let a weight have so many bits after all, and forget what it was rounded to."""
        self._weights[number] = bits, None

    def bits_of(self, rows: Array) -> int | None:
        """How many bits a weight [N, K] is to have or was rounded to, None where nothing is known of it."""
        # Rows of zeros may be in any weight.
        row = next((row for row in rows if row.any()), None)
        place = None if row is None else self._places.get(_key(row))
        return None if place is None else self._weights[place[0]][0]

    def find(self, rows: Array, bits: int) -> Blocks | None:
        """The blocks of a weight [N, K], None where a row of it is not known with these bits."""
        values, scales = [], []
        for row in rows:
            number, index = self._places.get(_key(row), (None, 0))
            its_bits, blocks = (0, None) if number is None else self._weights[number]
            if blocks is None or its_bits != bits:
                return None
            values.append(blocks.values[index])
            scales.append(blocks.scales[index])
        joined = np.stack(values)
        return Blocks(unpack_nibbles(joined) if bits == 4 else joined, np.stack(scales))


NOTHING_ROUNDED = Rounded()


def _key(row: Array) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row, np.float32).tobytes(), digest_size=16).digest()
