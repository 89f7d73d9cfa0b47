"""Optimum's tracing of a torch model, with no weight held more often than torch itself needs it.

torch's weights go into a file beside the graph straight out of its memory (:mod:`exporters.lean_tracing`), and what
remains to be done with them waits for :func:`finish`, in a worker without torch.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from onnx import ModelProto, TensorProto, numpy_helper

from exporters import graphs
from exporters.lean_tracing import weights_beside
from exporters.turning import turn_once
from exporters.voices import is_voice, open_scales

__all__ = ["finish", "trace"]

# Optimum writes these on its way to the merged decoder, which holds both of them.
STEPS_TO_MERGED = ("decoder_model", "decoder_with_past_model")
# In the folder of the graphs: by file, the groups of parameters that are one in the torch model, each with its class.
TIED = "tied.json"
# The version of torch whose inner functions are known here; with another one tracing takes the memory that it takes.
KNOWN_TORCH = "2.13."


def trace(model: Any, export_task: str, exported: Path, source: Path) -> None:
    """What Optimum's ``main_export`` does after loading; the model in memory has just given the reference answers.

    Graphs lie in the folder ``exported`` afterwards, as :func:`finish` takes them.
    """
    import torch
    from optimum.exporters.onnx.convert import onnx_export_from_model
    from optimum.exporters.tasks import TasksManager
    from optimum.utils.save_utils import maybe_load_preprocessors

    task = TasksManager.map_from_synonym(export_task)
    model.config.use_cache = task.endswith("with-past")
    preprocessors = maybe_load_preprocessors(str(source))
    if is_voice(model):
        open_scales(model)
    if task == "text-classification" and getattr(model.config, "pad_token_id", None) is None:
        pads = [item.pad_token_id for item in preprocessors if getattr(item, "pad_token_id", None) is not None]
        model.config.pad_token_id = pads[0] if pads else 0
    traced: list[Path] = []
    tied: list[list[dict[str, str]]] = []
    with contextlib.ExitStack() as changed:
        changed.enter_context(_decoders_apart())
        if torch.__version__.startswith(KNOWN_TORCH):
            changed.enter_context(weights_beside(traced))
            changed.enter_context(_tied_later(tied))
        onnx_export_from_model(
            model=model, output=exported, task=task, preprocessors=preprocessors, do_validation=False, device="cpu"
        )
    groups = {path.name: found for path, found in zip(traced, tied, strict=False) if found}
    (exported / TIED).write_text(json.dumps(groups), "utf-8")


def finish(exported: Path) -> None:
    """What Optimum does to graphs after it has traced them, without torch: tied weights become one, decoders too."""
    tied = exported / TIED
    groups = json.loads(tied.read_text("utf-8"))
    first, further, merged = (exported / f"{name}.onnx" for name in (*STEPS_TO_MERGED, "decoder_model_merged"))
    decoders = (first, further) if first.exists() and further.exists() and not merged.exists() else ()
    if groups or decoders:  # else Optimum's 250 MB are not needed
        _share_weights({exported / name: found for name, found in groups.items()}, decoders, merged)
    steps = (first, further) if merged.exists() else ()
    for path in sorted(set(exported.glob("*.onnx")).difference(steps)):
        model = graphs.load(path, external=False)
        turn_once(model)
        graphs.save(model, path)
    for path in (*(item for step in steps for item in graphs.files_of(step)), tied):
        path.unlink(missing_ok=True)


def _share_weights(tied: Mapping[Path, Sequence[Mapping[str, str]]], decoders: Sequence[Path], merged: Path) -> None:
    """Have Optimum make one weight of those that are tied, and one graph of two decoders, if there are any."""
    from optimum.onnx import graph_transformations

    with _weights_mapped(graph_transformations):
        for path, groups in tied.items():
            graph_transformations.remove_duplicate_weights_from_tied_info(
                graphs.load(path, external=False), _named(groups), [list(group) for group in groups], str(path)
            )
        if decoders:
            # The one with past does not give the keys and values of the encoder, which stay the same.
            graph_transformations.merge_decoders(
                *(graphs.load(path, external=False) for path in decoders), save_path=merged, strict=False
            )


@contextlib.contextmanager
def _tied_later(found: list[list[dict[str, str]]]) -> Iterator[None]:
    """Have Optimum believe that no weights are tied; those of each model are added to ``found``."""
    from optimum.exporters.onnx import base

    find = getattr(base, "find_tied_parameters", None)  # comes of accelerate
    if find is None:
        yield
        return

    def note(model: Any) -> list[list[str]]:
        groups = find(model)
        found.append(
            [{name: _kind(model.get_submodule(name.rpartition(".")[0])) for name in group} for group in groups]
        )
        return []

    base.find_tied_parameters = note
    try:
        yield
    finally:
        base.find_tied_parameters = find


def _kind(module: Any) -> str:
    """What Optimum has to call a module to share its weight: it goes by names, and does not know that a
    ``BartScaledWordEmbedding`` is an ``Embedding``. Else the head of BART, mBART, M2M100 (NLLB), TrOCR or Donut is a
    second copy of the embeddings, more than half of all weights of a model with many languages."""
    from torch.nn import Embedding, Linear

    return next((kind.__name__ for kind in (Embedding, Linear) if isinstance(module, kind)), type(module).__name__)


@contextlib.contextmanager
def _decoders_apart() -> Iterator[None]:
    """Keep Optimum from merging decoders behind an encoder: :func:`finish` does."""
    import optimum.onnx

    kept = optimum.onnx.merge_decoders
    optimum.onnx.merge_decoders = lambda **words: None
    try:
        yield
    finally:
        optimum.onnx.merge_decoders = kept


@contextlib.contextmanager
def _weights_mapped(transformations: Any) -> Iterator[None]:
    """Have Optimum read weights where they lie in files, and write graphs that leave them there.

    It does not check what it made either, in further copies: the engine runs every graph before it is published.
    """
    read, save = numpy_helper.to_array, transformations.check_and_save_model

    def mapped(tensor: TensorProto, *others: Any) -> Any:
        external = tensor.data_location == TensorProto.EXTERNAL
        return graphs.array_of(tensor) if external else read(tensor, *others)

    def write(model: ModelProto, save_path: str | Path) -> None:
        Path(save_path).write_bytes(model.SerializeToString())

    numpy_helper.to_array, transformations.check_and_save_model = mapped, write
    try:
        yield
    finally:
        numpy_helper.to_array, transformations.check_and_save_model = read, save


def _named(groups: Sequence[Mapping[str, str]]) -> Any:
    """Stands for the torch model, of which Optimum asks the names of the classes that its parameters are in."""
    model = SimpleNamespace()
    for group in groups:
        for parameter, class_name in group.items():
            *way, last = parameter.split(".")[:-1]
            place = model
            for name in way:
                place.__dict__.setdefault(name, SimpleNamespace())
                place = getattr(place, name)
            setattr(place, last, type(class_name, (SimpleNamespace,), {})())
    return model
