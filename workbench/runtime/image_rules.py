"""How each class of image processor reads its settings of size."""

from __future__ import annotations

from collections.abc import Callable

from workbench.runtime.image_settings import Values
from workbench.runtime.image_sizes import Bounded, Exact, Floored, Nearest, Target

__all__ = [
    "Sizing",
    "clip",
    "convnext",
    "detr",
    "dpt",
    "edge_or_exact",
    "exact",
    "exact_in_words",
    "glpn",
    "levit",
    "maskformer",
    "poolformer",
    "yolos",
]

# From the settings to the target of the resize step, and a crop that belongs to it.
Sizing = Callable[[Values], tuple[Target, tuple[int, int] | None]]


def exact(values: Values) -> tuple[Target, None]:
    return values.exact("size"), None


def exact_in_words(values: Values) -> tuple[Target, None]:
    if isinstance(values.values["size"], int):
        raise values.bad("size")
    return values.exact("size"), None


def edge_or_exact(values: Values) -> tuple[Target, None]:
    return values.edge_or_exact("size"), None


def clip(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    if values.flag("use_square_size"):
        if not isinstance(target, Bounded):
            raise values.bad("use_square_size")
        return Exact(target.shortest, target.shortest), None
    return target, None


def levit(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    return (Bounded(int(256 / 224 * target.shortest)) if isinstance(target, Bounded) else target), None


def convnext(values: Values) -> tuple[Target, tuple[int, int] | None]:
    """Small inputs are cut from a larger picture, inputs from 384 px on are the squeezed picture."""
    target = values.edge_or_exact("size")
    if not isinstance(target, Bounded):
        raise values.bad("size")
    if target.shortest >= 384:
        return Exact(target.shortest, target.shortest), None
    return Bounded(int(target.shortest / _crop_share(values))), (target.shortest, target.shortest)


def poolformer(values: Values) -> tuple[Target, None]:
    target = values.edge_or_exact("size")
    if values.values["crop_pct"] is None:
        return target, None
    share = _crop_share(values)
    if isinstance(target, Bounded):
        return Bounded(int(target.shortest / share)), None
    if target.height == target.width:
        return Bounded(int(target.height / share)), None
    return Exact(int(target.height / share), int(target.width / share)), None


# The rules of DETR and its relatives, of YOLOS, whose sides are multiples of a patch, and of MaskFormer by its divisor.
DETR = Bounded(1, detr=True)
YOLOS = Bounded(1, detr=True, down_to=16)


def detr(values: Values) -> tuple[Target, None]:
    return values.bounded("size", DETR), None


def yolos(values: Values) -> tuple[Target, None]:
    return values.bounded("size", YOLOS), None


def maskformer(values: Values) -> tuple[Target, None]:
    divisor = values.pixels("size_divisor")
    if values.values["size_divisibility"] not in (None, divisor):  # an older name, which the class passes over
        raise values.bad("size_divisibility")
    target = values.bounded("size", Bounded(1, up_to=divisor))
    match target:
        case Exact(height, width):
            return Exact(-(-height // divisor) * divisor, -(-width // divisor) * divisor), None
        case Bounded(shortest, longest) if longest is not None and longest > shortest:
            return target, None
    raise values.bad("size")


def dpt(values: Values) -> tuple[Target, None]:
    size = values.exact("size")
    return Nearest(size.height, size.width, values.flag("keep_aspect_ratio"), values.pixels("ensure_multiple_of")), None


def glpn(values: Values) -> tuple[Target, None]:
    return Floored(values.pixels("size_divisor")), None


def _crop_share(values: Values) -> float:
    share = values.number("crop_pct")
    if not 0.01 <= share <= 1:
        raise values.bad("crop_pct")
    return share
