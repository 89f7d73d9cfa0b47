"""Colours over pictures."""

from __future__ import annotations

import numpy as np

from workbench.marks import MARKS, depth_colors, label_colors


def test_the_depth_scale_grows_evenly_from_dark_to_light() -> None:
    colors = depth_colors()
    assert colors.shape == (256, 3)
    linear = (colors / 255.0) ** 2.2
    light = np.cbrt(linear @ np.array([0.2126, 0.7152, 0.0722]))
    steps = np.diff(light)
    assert (steps > 0).mean() > 0.9  # 8 bits a colour: a step may round to none
    assert light[0] < 0.3 < 0.9 < light[-1]
    # No jump, which would look like an edge that is not there.
    assert np.abs(np.diff(colors.astype(int), axis=0)).max() <= 16


def test_marks_differ_and_labels_keep_their_number() -> None:
    assert len(set(MARKS)) == len(MARKS)
    assert label_colors(["cat", "dog", "cat"]) == {"cat": 0, "dog": 1}
