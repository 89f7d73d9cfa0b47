"""Draws the sample pictures: ``python make_pictures.py [FOLDER]``, into ``pictures`` and ``documents`` in that folder,
by default the one of this file.

A precision is judged by its answers on these, so they are spread over what photographs have: large and fine
structure, textures, edges, light and dark, colours, noise. Everything is drawn with a fixed seed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

Plane = np.ndarray[Any, np.dtype[np.float64]]
Color = tuple[int, int, int]


def clouds(height: int, width: int, rng: np.random.Generator, power: float = 1.0) -> Plane:
    """Noise whose amplitude falls with the frequency to ``power``, as photographs have it, scaled to 0 … 1."""
    y, x = np.meshgrid(np.fft.fftfreq(height), np.fft.rfftfreq(width), indexing="ij")
    falloff = np.maximum(np.hypot(y, x), 1 / max(height, width)) ** -power
    plane = np.fft.irfft2(np.fft.rfft2(rng.standard_normal((height, width))) * falloff, (height, width))
    low, high = np.percentile(plane, (1, 99))
    return np.asarray(np.clip((plane - low) / (high - low), 0, 1))


def blend(mask: Plane, first: Color, second: Color) -> Image.Image:
    """``first`` where the mask is 0, ``second`` where it is 1."""
    values = np.array(first) + mask[..., None] * (np.array(second) - np.array(first))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def grained(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """The picture with the noise of a sensor."""
    values = np.asarray(picture, np.float64) + strength * rng.standard_normal((picture.height, picture.width, 3))
    return Image.fromarray(np.clip(values, 0, 255).astype(np.uint8))


def ramp(height: int, width: int) -> Plane:
    """From 0 at the top to 1 at the bottom."""
    return np.repeat(np.linspace(0, 1, height)[:, None], width, axis=1)


def landscape(rng: np.random.Generator) -> Image.Image:
    """Sky with clouds, three ridges one behind the other, a sun."""
    height, width = 240, 320
    sky = blend(ramp(height, width), (90, 140, 215), (235, 215, 190))
    sky = Image.composite(
        Image.new("RGB", sky.size, (250, 250, 252)),
        sky,
        Image.fromarray((190 * clouds(height, width, rng, 1.6) ** 2).astype(np.uint8)),
    )
    draw = ImageDraw.Draw(sky)
    draw.ellipse((230, 30, 266, 66), fill=(255, 244, 190))
    for base, color in ((130, (120, 140, 165)), (160, (75, 105, 95)), (195, (45, 70, 40))):
        ridge = base - 45 * clouds(1, width, rng, 1.2)[0]
        draw.polygon([(0, height), *enumerate(ridge.tolist()), (width, height)], fill=color)
    return grained(sky.filter(ImageFilter.GaussianBlur(0.6)), rng, 3)


def fruit(rng: np.random.Generator) -> Image.Image:
    """Three shaded balls on a wooden table."""
    height, width = 256, 256
    grain = 0.5 + 0.5 * np.sin(40 * ramp(height, width).T + 9 * clouds(height, width, rng, 1.5))
    values = np.asarray(blend(grain, (120, 78, 45), (170, 120, 75)), np.float64).copy()
    y, x = np.mgrid[0:height, 0:width]
    for cx, cy, radius, color in (
        (90, 150, 60, (205, 45, 40)),
        (180, 170, 50, (235, 160, 30)),
        (150, 80, 45, (95, 160, 50)),
    ):
        shadow = np.exp(-(((x - cx - 18) / radius) ** 2 + ((y - cy - 0.8 * radius) / (0.5 * radius)) ** 2))
        values *= 1 - 0.6 * shadow[..., None]
        depth = 1 - ((x - cx) ** 2 + (y - cy) ** 2) / radius**2
        inside = depth > 0
        light = (-(x - cx) - (y - cy)) / (radius * 2) + 0.75 * np.sqrt(np.clip(depth, 0, 1)) + 0.15
        shaded = np.clip(light, 0.1, 1.2)[..., None] * np.array(color) + 120 * np.clip(light - 1.05, 0, 1)[..., None]
        values[inside] = shaded[inside]
    return grained(Image.fromarray(np.clip(values, 0, 255).astype(np.uint8)), rng, 4)


def town(rng: np.random.Generator) -> Image.Image:
    """Houses by night: upright edges and many small lights."""
    height, width = 220, 330
    picture = blend(ramp(height, width), (12, 14, 40), (70, 50, 90))
    draw = ImageDraw.Draw(picture)
    left = -10
    while left < width:
        wide, top = int(rng.integers(28, 60)), int(rng.integers(40, 140))
        shade = int(rng.integers(20, 50))
        draw.rectangle((left, top, left + wide, height), fill=(shade, shade, shade + 12))
        for row in range(top + 6, height - 6, 11):
            for column in range(left + 5, left + wide - 6, 9):
                if rng.random() < 0.45:
                    draw.rectangle((column, row, column + 4, row + 6), fill=(255, int(rng.integers(190, 240)), 120))
        left += wide + int(rng.integers(0, 5))
    return grained(picture, rng, 5)


def fabric(rng: np.random.Generator) -> Image.Image:
    """A checked cloth with folds: a regular pattern, bent and shaded."""
    size = 240
    y, x = np.mgrid[0:size, 0:size].astype(np.float64)
    bend = 14 * clouds(size, size, rng, 1.8)
    u, v = x + bend, y + 0.6 * bend
    check = 0.5 * (np.sin(u / 4.5) > 0) + 0.5 * (np.sin(v / 4.5) > 0)
    weave = 0.08 * np.sin(2.1 * u) * np.sin(2.1 * v)
    cloth = np.asarray(blend(np.clip(check + weave, 0, 1), (240, 236, 225), (40, 70, 140)), np.float64)
    return grained(
        Image.fromarray((cloth * (0.55 + 0.45 * clouds(size, size, rng, 1.9))[..., None]).astype(np.uint8)), rng, 2
    )


def leaves(rng: np.random.Generator) -> Image.Image:
    """Overlapping leaves with veins, dark below, bright on top."""
    width, height = 300, 225
    picture = Image.new("RGB", (width, height), (15, 30, 12))
    for number in range(170):
        light = 0.35 + 0.65 * number / 170
        leaf = Image.new("RGBA", (70, 70))
        draw = ImageDraw.Draw(leaf)
        color = tuple(int(light * c) for c in (rng.integers(50, 130), rng.integers(120, 190), rng.integers(30, 70)))
        draw.ellipse((5, 24, 65, 46), fill=(*color, 255))
        draw.line((5, 35, 65, 35), fill=tuple(min(255, c + 35) for c in color), width=1)
        turned = leaf.rotate(float(rng.uniform(0, 360)), Image.Resampling.BICUBIC)
        picture.paste(turned, (int(rng.integers(-40, width)), int(rng.integers(-40, height))), turned)
    return grained(picture.filter(ImageFilter.GaussianBlur(0.7)), rng, 3)


def sea(rng: np.random.Generator) -> Image.Image:
    """Waves that get finer towards the horizon, and a red boat."""
    height, width = 200, 300
    far = np.clip(ramp(height, width) - 0.35, 0.004, None)
    x = np.arange(width)[None] - width / 2
    waves = np.sin(6 / far + 4 * clouds(height, width, rng, 1.4)) * np.sin(
        0.02 * x / far + 8 * clouds(height, width, rng)
    )
    picture = blend(np.clip(0.5 + 0.4 * waves, 0, 1), (20, 60, 90), (120, 175, 195))
    picture.paste(blend(ramp(70, width), (150, 190, 230), (225, 232, 238)), (0, 0))
    draw = ImageDraw.Draw(picture)
    draw.polygon([(170, 92), (232, 92), (220, 108), (180, 108)], fill=(190, 35, 30))
    draw.polygon([(200, 90), (200, 34), (228, 86)], fill=(245, 243, 235))
    return grained(picture, rng, 3)


def faces(rng: np.random.Generator) -> Image.Image:
    """Simple painted faces in a row, on a bright wall: smooth shapes, few colours."""
    width, height = 320, 160
    picture = blend(0.3 * clouds(height, width, rng, 1.7), (225, 205, 160), (180, 150, 110))
    draw = ImageDraw.Draw(picture)
    for number, (skin, hair) in enumerate(
        (((240, 200, 170), (70, 45, 25)), ((150, 100, 70), (20, 18, 18)), ((205, 150, 110), (160, 90, 40)))
    ):
        x = 20 + 100 * number
        draw.ellipse((x, 20, x + 80, 125), fill=hair)
        draw.ellipse((x + 8, 38, x + 72, 140), fill=skin)
        for eye in (x + 26, x + 50):
            draw.ellipse((eye - 6, 72, eye + 6, 82), fill=(250, 250, 250))
            draw.ellipse((eye - 3, 73, eye + 3, 81), fill=(40, 60, 80))
        draw.arc((x + 24, 92, x + 56, 122), 15, 165, fill=(150, 40, 50), width=4)
    return grained(picture.filter(ImageFilter.GaussianBlur(0.8)), rng, 2)


def sign(rng: np.random.Generator) -> Image.Image:
    """A striped barrier and a round sign in fog, without any texture: large flat areas."""
    width, height = 200, 260
    picture = blend(0.6 * ramp(height, width) + 0.4 * clouds(height, width, rng, 2.0), (205, 210, 215), (150, 155, 160))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((94, 120, 106, 260), fill=(110, 112, 115))
    draw.ellipse((50, 30, 150, 130), fill=(200, 30, 35))
    draw.ellipse((64, 44, 136, 116), fill=(245, 245, 245))
    draw.rectangle((74, 72, 126, 88), fill=(30, 30, 35))
    for number in range(10):
        color = (215, 60, 40) if number % 2 else (240, 240, 238)
        draw.polygon(
            [(number * 24 - 20, 220), (number * 24 + 4, 220), (number * 24 - 8, 244), (number * 24 - 32, 244)],
            fill=color,
        )
    return picture.filter(ImageFilter.GaussianBlur(1.2))


# Pages to be asked about: how large the letters are, and the lines.
PAGES: dict[str, tuple[int, tuple[str, ...]]] = {
    "invoice": (
        15,
        (
            "Lindenau Garden Supplies",
            "12 Mill Lane, Lindenau",
            "",
            "INVOICE 20418",
            "Date: 14 March 2024",
            "",
            "Watering can            18.50",
            "Rake                    24.00",
            "Seed potatoes, 5 kg      9.20",
            "",
            "Total                   51.70",
            "",
            "Please pay by 28 March.",
        ),
    ),
    "letter": (
        14,
        (
            "Dear Ms Okonkwo,",
            "",
            "the choir meets on Tuesday at seven in",
            "the evening, in the school behind the",
            "market. Please bring the blue book.",
            "",
            "We sing until nine.",
            "",
            "Kind regards",
            "Tomas Weber",
        ),
    ),
    "timetable": (
        18,
        (
            "BUS 7  to the lake",
            "",
            "Old bridge     08:10",
            "Town hall      08:17",
            "Shipyard       08:26",
            "Lake           08:41",
            "",
            "Not on Sundays",
        ),
    ),
}


def page(size_px: int, lines: tuple[str, ...]) -> Image.Image:
    """Lines of text on paper, a bit out of focus."""
    picture = Image.new("RGB", (360, 480), (246, 245, 240))
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(size_px)
    for number, line in enumerate(lines):
        left, _, right = line.partition("  ")
        height = 40 + number * 2 * size_px
        draw.text((36, height), left, (40, 40, 48), font)
        draw.text((324, height), right.strip(), (40, 40, 48), font, anchor="ra")
    return picture.filter(ImageFilter.GaussianBlur(0.4))


def main(folder: Path, pages: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    pages.mkdir(parents=True, exist_ok=True)
    for seed, make in enumerate((landscape, fruit, town, fabric, leaves, sea, faces), 1):
        make(np.random.default_rng(seed)).save(folder / f"{make.__name__}.jpg", quality=72, optimize=True)
    # One without the traces of JPEG.
    sign(np.random.default_rng(8)).quantize(96).save(folder / "sign.png", optimize=True)
    for name, (size_px, lines) in PAGES.items():
        page(size_px, lines).quantize(12).save(pages / f"{name}.png", optimize=True)


if __name__ == "__main__":
    here = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    main(here / "pictures", here / "documents")
