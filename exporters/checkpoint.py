"""A checkpoint as a torch model in float32, in no more memory than that takes.

transformers maps a file of weights while it makes those of the model, and every page that was read counts until the
last weight is made: a checkpoint in half precision takes three times its size so. Here the weights of such a one are
widened a few at a time and handed over: SmolLM2-135M, 269 MB, takes 0.57 GB instead of 0.82.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from exporters.failure import ExportFailure
from exporters.protocol import ExportRequest

__all__ = ["load_model"]

NAMED = 3
WHOLE, SHARDED = "model.safetensors", "model.safetensors.index.json"
HALVES = frozenset({"BF16", "F16"})
# Numbers with a fraction that mean what they say; those of 8 bits want scales besides.
PLAIN = HALVES | {"F32", "F64"}
# What is mapped at a time, in bytes.
MAPPED_BYTES = 32_000_000
# Kept beside the config by those who trained a part of a model only.
ADAPTER = "adapter_config.json"


def load_model(source: Path, request: ExportRequest) -> Any:
    """The torch model in float32, on the CPU, from safetensors unless pickles were allowed. Raises ExportFailure,
    MemoryError.

    Not by Optimum's own loading, which takes a checkpoint that cannot be read for one of TensorFlow, and says nothing
    of weights that it made up.
    """
    import torch
    import transformers
    from optimum.exporters.tasks import TasksManager

    transformers.logging.set_verbosity_warning()
    transformers.utils.logging.disable_progress_bar()
    task = TasksManager.map_from_synonym(request.export_task)
    try:
        config = transformers.AutoConfig.from_pretrained(str(source), trust_remote_code=False, local_files_only=True)
        model_class = TasksManager.get_model_class_for_task(task, "pt", model_type=config.model_type)
        with torch.device("cpu"):
            model, loading = _loaded(model_class, config, source, allow_pickle=request.allow_pickle)
    except (MemoryError, ExportFailure):
        raise
    except Exception as error:  # each class of models and each kind of damage has its own
        if "remote code" in str(error) or "trust_remote_code" in str(error):
            raise ExportFailure("export-remote-code") from error
        if isinstance(error, RuntimeError) and "allocate memory" in str(error):
            raise MemoryError from error
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
        raise ExportFailure("export-load-failed", reason=reason) from error
    made_up = sorted(name for name in loading["missing_keys"] if not _is_unused(name, task))
    if made_up:
        names = ", ".join(made_up[:NAMED])
        raise ExportFailure("export-untrained", names=names, count=len(made_up), task=request.task)
    model.eval()
    return model


def _loaded(model_class: Any, config: Any, source: Path, *, allow_pickle: bool) -> tuple[Any, dict[str, Any]]:
    """The model, and what transformers tells of loading it."""
    import torch

    files, kind = _files_of_halves(config, source), _kind_of(model_class, config)
    if files and kind is not None:
        model, loading = kind.from_pretrained(
            None,
            config=config,
            state_dict=dict(_widened(files)),
            dtype=torch.float32,
            output_loading_info=True,
        )
        # What transformers does when it is given a folder.
        model.name_or_path = model.config.name_or_path = str(source)
        if model.can_generate():
            with suppress(OSError):  # there is none, or it cannot be read: the config's own values hold
                config_class = type(model.generation_config)
                model.generation_config = config_class.from_pretrained(str(source), local_files_only=True)
        return model, loading
    # weights_only is transformers' own default; named here so that a pickle can never run code.
    model, loading = model_class.from_pretrained(
        str(source),
        dtype=torch.float32,
        use_safetensors=None if allow_pickle else True,
        weights_only=True,
        output_loading_info=True,
        trust_remote_code=False,
        local_files_only=True,
    )
    return model, loading


def _kind_of(model_class: Any, config: Any) -> Any:
    """The class of the model itself: those that look it up want a folder. None where they choose among several."""
    from transformers import PreTrainedModel

    if issubclass(model_class, PreTrainedModel):
        return model_class
    found = getattr(model_class, "_model_mapping", {}).get(type(config), None)
    return found if isinstance(found, type) else None


def _files_of_halves(config: Any, source: Path) -> list[Path]:
    """The files of a checkpoint that has weights in half precision; none where transformers has a rule of its own for
    it, or where something is wrong, which it says best."""
    from safetensors import SafetensorError, safe_open

    if (source / ADAPTER).exists() or any(
        getattr(config, name, None) is not None for name in ("quantization_config", "transformers_weights")
    ):
        return []
    files = [source / WHOLE]
    if not files[0].exists():
        try:
            shards = json.loads((source / SHARDED).read_text("utf-8"))["weight_map"].values()
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return []
        files = sorted({source / str(name) for name in shards})
    found: set[str] = set()
    for file in files:
        try:
            with safe_open(file, framework="pt") as opened:
                if (opened.metadata() or {}).get("format", "pt") != "pt":
                    return []
                found.update(opened.get_slice(name).get_dtype() for name in opened.keys())  # noqa: SIM118
        except (OSError, SafetensorError):
            return []
    fractions = {name for name in found if "F" in name}
    return files if found & HALVES and fractions <= PLAIN else []


def _widened(files: list[Path]) -> Iterator[tuple[str, Any]]:
    """Each weight by its name, numbers with a fraction in float32, others as they are. None of a file stays mapped."""
    import torch
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt") as opened:
            left = list(opened.offset_keys())
        while left:
            mapped = 0
            with safe_open(file, framework="pt") as opened:
                while left and mapped < MAPPED_BYTES:
                    weight = opened.get_tensor(left[0])
                    mapped += weight.nbytes
                    dtype = torch.float32 if weight.is_floating_point() else weight.dtype
                    yield left.pop(0), weight.to(dtype, copy=True)


def _is_unused(weight: str, task: str) -> bool:
    """Whether a weight has no part in the outputs: embeddings are taken before the pooler, which many lack."""
    return task == "feature-extraction" and "pooler." in weight
