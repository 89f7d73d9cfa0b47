"""A staged checkpoint into ONNX graphs, each precision, and torch's own answers beside them.

Optimum makes the graphs, but for decoder-only language models that the builder knows (``decoder_builder``).
"""

from __future__ import annotations

import difflib
import gc
import json
import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exporters.checkpoint import load_model
from exporters.decoder_builder import build_decoder, reason_against
from exporters.failure import ExportFailure
from exporters.memory import peak_rss_bytes
from exporters.model_files import copy_source_files, ensure_tokenizer, keep_files_of_export
from exporters.probe import tasks_by_model_type, versions
from exporters.protocol import PRECISIONS, ExportAnswer, ExportRequest
from exporters.tracing import finish, trace
from exporters.voices import is_voice, offer_scales

if TYPE_CHECKING:
    from exporters.__main__ import Reporter
    from exporters.rounded import Rounded

__all__ = ["answer", "export"]

SPEECH = "automatic-speech-recognition-with-past"
FEW_PARAMETERS = 50_000_000
# Where graphs are written to by tracing, in the folder of results.
TRACED = ".exported"
NEAR = 5


def export(request: ExportRequest, report: Reporter) -> ExportAnswer:
    """Do one export. Results lie below ``request.output``; nothing else is left. Raises ExportFailure.

    The app asks for what torch does first and, in another worker, for the rest: one in whose memory neither torch nor
    the checkpoint is left.
    """
    from exporters import graphs
    from exporters.quantize import check_recipes, operators_of_graph, recipe_for

    source, output = Path(request.source), Path(request.output)
    precisions = [name for name in request.precisions if name != "fp32"]
    for precision in precisions:
        recipe_for(precision, request.export_task)
    onnx_folder = output / "onnx"
    onnx_folder.mkdir(parents=True, exist_ok=True)
    answered = 0
    skipped: list[tuple[int, str]] = []
    recipes: dict[str, dict[str, Any]] = {}
    if not (request.reuse_fp32 or request.part == "others"):
        answered, skipped, made = _export_fp32(request, source, output, report)
        recipes["fp32"] = {"method": "export", "settings": {"task": request.export_task, **made}}
    if request.part == "fp32":
        report.finish()
        return ExportAnswer({}, recipes, versions(), answered, report.times_s, peak_rss_bytes(), skipped)
    _finish_graphs(request, output, report)
    fp32 = {path.stem: path for path in sorted(onnx_folder.glob("*.onnx"))}
    if request.reuse_fp32:
        operators = [item for path in fp32.values() for item in operators_of_graph(graphs.load(path, external=False))]
        check_recipes(operators, precisions, request.export_task)
    report.stage("quantize")
    files, others = _quantize_all(fp32, precisions, request, output, report)
    recipes |= others
    if "fp32" in request.precisions:
        files["fp32"] = [_relative(item, output) for path in fp32.values() for item in graphs.files_of(path)]
    elif not request.reuse_fp32:
        recipes.pop("fp32", None)
        for path in fp32.values():
            for item in graphs.files_of(path):
                item.unlink()
    report.finish()
    return ExportAnswer(files, recipes, versions(), answered, report.times_s, peak_rss_bytes(), skipped)


def answer(request: ExportRequest, report: Reporter) -> dict[str, Any]:
    """What the checkpoint answers to a user's own samples, into ``request.output``; nothing is exported.

    Returns ``{"answered", "skipped": [[number, reason]]}``. Raises ExportFailure.
    """
    from exporters.reference import write_answers

    source = Path(request.source)
    report.stage("load")
    _check_task(_read_config(source), request.export_task)
    model = load_model(source, request)
    _spare_threads(model)
    report.stage("reference")
    answered, skipped = write_answers(model, request, source, Path(request.output), report)
    return {"answered": answered, "skipped": skipped}


def _spare_threads(model: Any) -> None:
    """Let a small model answer with one thread: a sentence takes MiniLM 39 ms so, 38 ms with two that both work."""
    import torch

    if sum(item.numel() for item in model.parameters()) < FEW_PARAMETERS:
        torch.set_num_threads(1)


def _export_fp32(
    request: ExportRequest, source: Path, output: Path, report: Reporter
) -> tuple[int, list[tuple[int, str]], dict[str, Any]]:
    """The model's files, torch's answers and the fp32 graphs.

    Returns how many samples were answered, which were not, and what the manifest says of how the graphs were made.
    """
    from exporters.activations import watched
    from exporters.quantize import check_recipes, operators_of_torch
    from exporters.reference import write_reference

    report.stage("load")
    config = _read_config(source)
    _check_task(config, request.export_task)
    model = load_model(source, request)
    check_recipes(operators_of_torch(model), request.precisions, request.export_task)
    copy_source_files(source, output)
    ensure_tokenizer(source, output, request.task)
    report.stage("reference")
    (output / "reference").mkdir(exist_ok=True)
    with watched(model, output / "reference"):
        answered, skipped = write_reference(model, request, source, output, report)
    report.stage("export")
    reason = _build(model, request.export_task, output, report)
    if reason is None:
        return answered, skipped, {"graph": "onnxruntime-genai"}
    exported = output / TRACED
    trace(model, request.export_task, exported, source)
    if is_voice(model):
        offer_scales(exported / "model.onnx")
    made = {"graph": "optimum"}
    return answered, skipped, made | ({"not_built": reason} if _is_decoder_only(request.export_task) else {})


def _finish_graphs(request: ExportRequest, output: Path, report: Reporter) -> None:
    """What needs the traced graphs alone, and no torch: one decoder out of two, shorter attention, the place of all."""
    from exporters.attention import shorten

    exported = output / TRACED
    if not exported.exists():
        return
    report.stage("export")
    finish(exported)
    keep_files_of_export(exported, output)
    _move_graphs(exported, output / "onnx")
    if request.export_task == SPEECH:
        shorten(output / "onnx")
    shutil.rmtree(exported)


def _build(model: Any, export_task: str, output: Path, report: Reporter) -> str | None:
    """Make the graph of a decoder with the builder; returns why that was not done, None when it was."""
    architecture = type(model).__name__
    reason = reason_against(model.config, architecture, export_task)
    if reason is None:
        target = output / "onnx" / "model.onnx"
        try:
            build_decoder(model, architecture, target, report)
        except (MemoryError, OSError):
            raise
        except Exception as error:  # whatever it comes upon in a model that differs from those it was written for
            for path in output.glob("onnx/model.onnx*"):
                path.unlink()
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        else:
            if not (output / "generation_config.json").exists() and model.generation_config:
                model.generation_config.save_pretrained(output)
    if reason and _is_decoder_only(export_task):
        report.log(f"Optimum makes the graph, which writes more slowly than the builder's: {reason}")
    return reason


def _is_decoder_only(export_task: str) -> bool:
    return export_task.startswith("text-generation")


def _read_config(source: Path) -> dict[str, Any]:
    try:
        config = json.loads((source / "config.json").read_text("utf-8"))
    except FileNotFoundError:
        raise ExportFailure("export-no-config", folder=source) from None
    except (OSError, ValueError) as error:
        raise ExportFailure("export-source-unreadable", file="config.json", reason=error) from error
    if not isinstance(config, dict):
        raise ExportFailure("export-source-unreadable", file="config.json", reason="not a JSON object")
    return config


def _check_task(config: dict[str, Any], export_task: str) -> None:
    """Say what is known instead, before anything large is loaded."""
    known = tasks_by_model_type()
    model_type = str(config.get("model_type") or "")
    # Optimum knows some types under a name with dashes.
    tasks = known.get(model_type) or known.get(model_type.replace("_", "-"))
    if tasks is None:
        named = model_type or ", ".join(map(str, config.get("architectures") or ())) or "?"
        near = difflib.get_close_matches(named.lower(), known, NEAR, cutoff=0.0)
        raise ExportFailure("export-unknown-architecture", architecture=named, near=", ".join(near), count=len(known))
    if export_task not in tasks:
        raise ExportFailure(
            "export-unsupported-task", architecture=model_type, task=export_task, known=", ".join(tasks)
        )


def _move_graphs(exported: Path, onnx_folder: Path) -> None:
    """External data keeps its name, which the graph refers to."""
    for path in sorted(exported.glob("*.onnx*")):
        shutil.move(path, onnx_folder / path.name)


def _quantize_all(
    fp32: dict[str, Path], precisions: list[str], request: ExportRequest, output: Path, report: Reporter
) -> tuple[dict[str, list[str]], dict[str, dict[str, Any]]]:
    from exporters import graphs
    from exporters.activations import read_activations
    from exporters.calibration import recorded_feeds
    from exporters.quantize import block_settings, quantize, recipe_for, to_static
    from exporters.rounded import NOTHING_ROUNDED

    activations = read_activations(output / "reference")
    files: dict[str, list[str]] = {}
    recipes: dict[str, dict[str, Any]] = {}
    beforehand: dict[str, tuple[Rounded, dict[str, Any]]] = {}
    done, total = 0, len(precisions) * len(fp32)
    for precision in precisions:
        recipe = recipe_for(precision, request.export_task)
        files[precision], recipes[precision] = [], recipe.to_json(fp32)
        rounded = NOTHING_ROUNDED
        if "calibration" in recipe.settings:
            key = repr((block_settings(recipe.settings), recipe.settings["calibration"]))
            if key not in beforehand:
                beforehand[key] = _round_beforehand(recipe.settings, request, report)
            rounded, told = beforehand[key]
            recipes[precision]["settings"] = {**recipe.settings, **told}
        for stem, path in fp32.items():
            target = path.with_name(f"{stem}{PRECISIONS[precision].suffix}.onnx")
            if recipe.method == "static":
                feeds = recorded_feeds(request, Path(request.source))
                samples = len(request.samples)
                tell = partial(_tell_samples, report, samples)
                told = to_static(path, target, request.calibration, feeds, tell, activations)
                recipes[precision]["settings"] = {**recipe.settings, **told, "own_samples": request.own_samples}
            else:
                told = quantize(path, target, recipe, activations, rounded)
                recipes[precision]["settings"] = {**recipes[precision]["settings"], **told}
            files[precision] += [_relative(item, output) for item in graphs.files_of(target)]
            done += 1
            report.progress(done, total, "graphs")
    return files, recipes


def _round_beforehand(
    settings: Mapping[str, Any], request: ExportRequest, report: Reporter
) -> tuple[Rounded, dict[str, Any]]:
    """The weights of the torch model, rounded by GPTQ on a text, and what the manifest tells of it.

    A model whose layers cannot be run one by one has each weight rounded by itself.
    """
    from exporters.answers import load_tokenizer
    from exporters.layerwise import round_by_text
    from exporters.quantize import block_settings
    from exporters.rounded import NOTHING_ROUNDED

    source = Path(request.source)
    gc.collect()  # the builder holds the model that it made the graph of in a circle
    tokenizer = load_tokenizer(source, request.task)
    try:
        rounded, told = round_by_text(
            load_model(source, request),
            tokenizer,
            request.calibration_text,
            block_settings(settings),
            settings["calibration"],
            report.progress,
            own=[item for item in request.samples if isinstance(item, str)] if request.own_samples else (),
        )
    except (MemoryError, OSError, ExportFailure):
        raise
    except Exception as error:  # whatever layers of an unknown kind want
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        report.log(f"Each weight is rounded by itself, which is less exact: {reason}")
        return NOTHING_ROUNDED, {"rounding": "nearest", "not_calibrated": reason}
    if "not_measured" in told:
        report.log(f"Which parts had better keep 8 bits was not measured: {told['not_measured']}")
    else:
        seconds = settings["calibration"]["eight_bits"]["seconds"]
        kept = f"{len(told['parts_in_8_bits'])} of {told['parts']} parts keep 8 bits, those that 4 hurt most"
        report.log(f"{kept}; {told['measured_parts']} were measured, in {told['search_s']:.0f} s of {seconds} at most")
    return rounded, told


def _tell_samples(report: Reporter, samples: int, done: int) -> None:
    report.progress(done, samples, "samples")


def _relative(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix()
