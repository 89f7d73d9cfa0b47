"""Tiny models that enlarge pictures, and what transformers' pipeline makes: ``super_resolution.py FOLDER``.

FOLDER/pictures/…
FOLDER/models/NAME/     checkpoint, preprocessor_config.json and onnx/model.onnx, by Optimum
FOLDER/made.npz         "NAME/PICTURE" → uint8 [rows, columns, 3], with the padding of the processor
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers as t

sys.path.insert(0, str(Path(__file__).parent))  # the interpreter is isolated
from vision_tiny import export, make_pictures, pixels_of

TINY = {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 2], "mlp_ratio": 2.0, "image_size": 32, "window_size": 8}
PICTURES = ("alpha.png", "exif-6.jpg", "gray.jpg", "tiny.png")
# Between black and white, with structure: how far the numbers of a random network are spread.
SPREAD = 0.2


def kinds() -> dict[str, tuple[Any, Any]]:
    return {
        "swin2sr-x2": (t.Swin2SRConfig(**TINY, upscale=2, upsampler="pixelshuffle"), t.Swin2SRImageProcessor()),
        "swin2sr-x4": (
            t.Swin2SRConfig(**{**TINY, "embed_dim": 24, "window_size": 4}, upscale=4, upsampler="nearest+conv"),
            t.Swin2SRImageProcessor(size_divisor=4),
        ),
    }


def settle(model: Any, inputs: list[Any]) -> None:
    """Weights so wide that a picture decides about what is made of it, and within its range."""
    torch.manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.dim() > 1:
                weight.normal_(0, (1 / weight[0].numel()) ** 0.5)
        made = torch.cat([model(**item).reconstruction.flatten() for item in inputs])
        model.upsample.final_convolution.weight.mul_(SPREAD / made.std())


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    pictures = [path for path in make_pictures(folder / "pictures") if path.name in PICTURES]
    made: dict[str, np.ndarray] = {}
    for name, (config, processor) in kinds().items():
        model = t.Swin2SRForImageSuperResolution(config).eval()
        settle(model, pixels_of(processor, pictures[-2:]))
        export(model, [processor], "image-to-image", folder / "models" / name)
        enlarge = t.pipeline("image-to-image", model=model, image_processor=processor, device="cpu")
        for path in pictures:
            made[f"{name}/{path.name}"] = np.asarray(enlarge(str(path)))
    np.savez(folder / "made.npz", **made)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
