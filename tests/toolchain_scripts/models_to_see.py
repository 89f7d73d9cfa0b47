"""Makes a tiny model with its graphs for tasks that have no real model here: ``models_to_see.py FOLDER``.

Their answers mean nothing; they are there to be looked at.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))  # the interpreter is isolated
sys.path.insert(0, str(Path(__file__).parent))
import document_answers
import super_resolution
import transformers
import vision_detection
import vision_maps
import zero_shot_detection
from optimum.exporters.onnx import main_export
from vision_tiny import export, make_pictures, pixels_of
from vision_vectors import byte_pairs


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    torch.manual_seed(0)
    pictures = make_pictures(folder.parent / "pictures")[:2]
    maps = vision_maps.kinds()
    for name in ("maskformer", "dpt"):
        task, model, processor = maps[name]
        vision_maps.settle(name, model, pixels_of(processor, pictures))
        export(model, [processor], task, folder / f"tiny-{name}")
    model, processor = vision_detection.kinds()["yolos"]
    vision_detection.settle(model, pixels_of(processor, pictures))
    export(model, [processor], "object-detection", folder / "tiny-yolos")
    config, processor = super_resolution.kinds()["swin2sr-x2"]
    enlarger = transformers.Swin2SRForImageSuperResolution(config).eval()
    super_resolution.settle(enlarger, pixels_of(processor, pictures))
    export(enlarger, [processor], "image-to-image", folder / "tiny-swin2sr")
    words = byte_pairs()
    model, processor = zero_shot_detection.kinds(words)["owlvit"]
    ids = words(zero_shot_detection.CASES[1], return_tensors="pt").input_ids
    zero_shot_detection.settle(model, pixels_of(processor, pictures), ids)
    export(model, [processor, words], "zero-shot-object-detection", folder / "tiny-owlvit")
    document_answers.make("donut", folder / "tiny-donut")
    asked = {"task": "image-to-text-with-past", "do_validation": False}
    card = "---\npipeline_tag: document-question-answering\n---\n"
    (folder / "tiny-donut" / "README.md").write_text(card, "utf-8")
    main_export(str(folder / "tiny-donut"), folder / "tiny-donut" / "onnx", **asked)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
