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
    """Weights that were rounded already, row by row, and how many bits others are to have.

    A row may be in several weights: where neurons were cut off many have rows of zeros, and a model that was made
    deeper by layers of its own has whole weights twice.
    """

    _weights: list[tuple[int, Blocks | None]] = field(default_factory=list)
    _places: dict[bytes, list[tuple[int, int]]] = field(default_factory=dict)
    _numbers: dict[bytes, int] = field(default_factory=dict)

    def add(self, rows: Array, bits: int, blocks: Blocks | None = None) -> int:
        """``rows`` float32 [N, K] were rounded to ``blocks``, or are to have so many bits; returns the number of this
        weight.

        One that is there already stays what it was rounded to first, and keeps its number: a graph has it once.
        """
        keys = [_key(row) for row in rows]
        number = self._numbers.setdefault(hashlib.blake2b(b"".join(keys)).digest(), len(self._weights))
        if number < len(self._weights):
            return number
        if blocks is not None and bits == 4:  # as many weights wait as the model has
            blocks = Blocks(pack_nibbles(blocks.values), blocks.scales)
        self._weights.append((bits, blocks))
        for index, key in enumerate(keys):
            places = self._places.setdefault(key, [])
            if not places or places[-1][0] != number:  # equal rows of one weight are rounded alike
                places.append((number, index))
        return number

    def leave(self, number: int, bits: int) -> None:
        """Let a weight have so many bits after all, and forget what it was rounded to."""
        self._weights[number] = bits, None

    def bits_of(self, rows: Array, default: int) -> int:
        """How many bits a weight [N, K] was rounded to or is to have; ``default`` where nothing is known of it."""
        # Rows of zeros may be in any weight; of other rows that are in several the most is meant.
        row = next((row for row in rows if row.any()), None)
        places = [] if row is None else self._places.get(_key(row), [])
        return max((self._weights[number][0] for number, _ in places), default=default)

    def find(self, rows: Array, bits: int) -> Blocks | None:
        """The blocks of a weight [N, K], None where a row of it is not known with these bits."""
        values, scales = [], []
        for row in rows:
            found = self._found(row, bits)
            if found is None:
                return None
            values.append(found[0])
            scales.append(found[1])
        joined = np.stack(values)
        return Blocks(unpack_nibbles(joined) if bits == 4 else joined, np.stack(scales))

    def _found(self, row: Array, bits: int) -> tuple[Array, Array] | None:
        for number, index in self._places.get(_key(row), []):
            its_bits, blocks = self._weights[number]
            if blocks is not None and its_bits == bits:
                return blocks.values[index], blocks.scales[index]
        return None


NOTHING_ROUNDED = Rounded()


def _key(row: Array) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(row, np.float32).tobytes(), digest_size=16).digest()
