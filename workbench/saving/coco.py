"""What was found in pictures as COCO annotations (https://cocodataset.org/#format-data). Plain data."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from workbench.results import Box, Boxes, Mask, Masks

__all__ = ["coco"]


def coco(items: Iterable[tuple[str, Boxes | Masks]]) -> dict[str, Any]:
    """The annotations of pictures, given with their names.

    ``categories`` has the ids, from 1 on, in the order in which labels appear. Boxes are [x, y, width, height] in
    pixels. Masks are run lengths without compression, column by column, beginning with what is outside.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    ids: dict[str, int] = {}
    for name, result in items:
        image_id = len(images) + 1
        images.append({"id": image_id, "file_name": name, "width": result.width_px, "height": result.height_px})
        found: tuple[Box | Mask, ...] = result.boxes if isinstance(result, Boxes) else result.masks
        for thing in found:
            category = ids.setdefault(thing.label, len(ids) + 1)
            row: dict[str, Any] = {"id": len(annotations) + 1, "image_id": image_id, "category_id": category}
            row |= _area(thing)
            row["iscrowd"] = 0
            if thing.score is not None:
                row["score"] = thing.score
            annotations.append(row)
    categories = [{"id": number, "name": label} for label, number in ids.items()]
    return {"images": images, "annotations": annotations, "categories": categories}


def _area(thing: Box | Mask) -> dict[str, Any]:
    if isinstance(thing, Box):
        width, height = thing.xmax - thing.xmin, thing.ymax - thing.ymin
        return {"bbox": [thing.xmin, thing.ymin, width, height], "area": width * height, "segmentation": []}
    import numpy as np

    inside = thing.pixels > 0
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    bbox = [0, 0, 0, 0]
    if len(rows):
        left, top = int(columns[0]), int(rows[0])
        bbox = [left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top]
    # Where a run ends, over all pixels column by column; a first run of nothing where the first pixel is inside.
    flat = inside.T.reshape(-1)
    ends = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    runs = np.diff(np.concatenate(([0], ends, [flat.size]))).tolist()
    counts = [0, *runs] if flat.size and flat[0] else runs
    size = [int(side) for side in inside.shape]
    return {"bbox": bbox, "area": int(inside.sum()), "segmentation": {"counts": counts, "size": size}}
