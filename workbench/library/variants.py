"""The ONNX graphs of a folder by precision, and which precision to run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.protocol import PRECISIONS, precision_of_suffix
from workbench.errors import ModelError, UsageError
from workbench.tasks.info import Layout

__all__ = [
    "Choice",
    "choose_variant",
    "external_data",
    "find_variants",
    "graphs_by_precision",
    "names_of_graphs",
    "resolve_precision",
    "variant_bytes",
]

GRAPHS_FOLDER = "onnx"
# Of graphs that nobody has measured, the more exact one first.
EXACT_FIRST = ("fp32", "fp16", "int8-static", "int8", "q8", "uint8", "q4f16", "q4", "bnb4")


@dataclass(frozen=True)
class Choice:
    """A precision with the files of its graphs. ``why`` is ``asked``, ``recommended``, ``only`` or ``most-exact``."""

    precision: str
    graphs: Mapping[str, Path]
    why: str


def graphs_by_precision(names: Iterable[str]) -> dict[str, dict[str, str]]:
    """Of relative file names, those of graphs: precision → graph → name. ``onnx/`` goes before the folder itself.

    Precisions come in the order of the table.
    """
    found: dict[str, dict[str, str]] = {name: {} for name in PRECISIONS}
    for name in sorted(names, key=lambda name: (not name.startswith(f"{GRAPHS_FOLDER}/"), name)):
        folder, _, file = name.rpartition("/")
        if folder in ("", GRAPHS_FOLDER) and file.endswith(".onnx"):
            graph, precision = precision_of_suffix(file.removesuffix(".onnx"))
            if graph:
                found[precision].setdefault(graph, name)
    return {name: graphs for name, graphs in found.items() if graphs}


def find_variants(folder: Path) -> dict[str, dict[str, Path]]:
    """The graphs of a folder in the layout of the hub: precision → graph → file. Names whose file is gone do not count.

    Raises ModelError when the folder cannot be read.
    """
    names = []
    try:
        for part in (folder / GRAPHS_FOLDER, folder):
            if part.is_dir():
                files = (path for path in part.iterdir() if path.suffix == ".onnx" and path.is_file())
                names += [path.relative_to(folder).as_posix() for path in files]
    except OSError as error:
        raise ModelError("folder-unreadable", folder=folder, reason=error.strerror or error) from error
    return {
        precision: {graph: folder / name for graph, name in graphs.items()}
        for precision, graphs in graphs_by_precision(names).items()
    }


def choose_variant(
    variants: Mapping[str, Mapping[str, Path]],
    layouts: Sequence[Layout],
    *,
    folder: Path,
    precision: str | None = None,
    recommended: str | None = None,
) -> Choice:
    """The variant to run, with one file for each graph of the first of these layouts that is whole.

    ``precision`` is what the user asked for, a name or an alias; ``recommended`` what was found best for this artifact.
    Raises UsageError for a precision that does not exist, ModelError for one that is not there or lacks a graph.
    """
    complete = {name: chosen for name, found in variants.items() if (chosen := _chosen(found, layouts))}
    if precision is not None:
        name = resolve_precision(precision)
        if name in complete:
            return Choice(name, complete[name], "asked")
        if name in variants:
            missing = names_of_graphs(_missing(variants[name], layouts))
            raise ModelError("variant-incomplete", folder=folder, precision=name, missing=missing)
        exportable = [item.name for item in PRECISIONS.values() if item.exportable]
        raise ModelError(
            "variant-missing",
            folder=folder,
            precision=name,
            known=", ".join(complete) or "none",
            exportable=", ".join(exportable),
        )
    if not complete:
        wanted = " or ".join(names_of_graphs(layout.graphs) for layout in layouts)
        raise ModelError("variant-none", folder=folder, wanted=wanted)
    if recommended in complete and recommended is not None:
        return Choice(recommended, complete[recommended], "recommended")
    best = min(complete, key=EXACT_FIRST.index)
    return Choice(best, complete[best], "only" if len(complete) == 1 else "most-exact")


def complete_variants(
    variants: Mapping[str, Mapping[str, Path]], layouts: Sequence[Layout]
) -> dict[str, dict[str, Path]]:
    """The graphs of each precision that has all that a task needs, the most exact precision first."""
    names = sorted(variants, key=EXACT_FIRST.index)
    return {name: chosen for name in names if (chosen := _chosen(variants[name], layouts))}


def external_data(graph: Path) -> list[Path]:
    """The files beside a graph that hold its weights: ``model.onnx_data``, ``…_data_1``, ``model.onnx.data``."""
    return sorted(path for mark in ("_data", ".data") for path in graph.parent.glob(f"{_literal(graph.name)}{mark}*"))


def variant_bytes(graphs: Mapping[str, Path]) -> int:
    """Size of these graphs and of their external data, in bytes: what the weights will take in memory, about."""
    files = [part for graph in graphs.values() for part in (graph, *external_data(graph))]
    return sum(path.stat().st_size for path in files if path.is_file())


def names_of_graphs(graphs: Sequence[Sequence[str]]) -> str:
    """The preferred name of each graph; two may be served by the same one."""
    return ", ".join(dict.fromkeys(names[0] for names in graphs))


def _chosen(found: Mapping[str, Path], layouts: Sequence[Layout]) -> dict[str, Path] | None:
    for layout in layouts:
        if not _missing(found, (layout,)):
            names = [next(name for name in names if name in found) for names in layout.graphs]
            return {name: found[name] for name in names}
    return None


def _missing(found: Mapping[str, Path], layouts: Sequence[Layout]) -> list[Sequence[str]]:
    """What the layout that lacks least lacks."""
    lacking: list[list[Sequence[str]]] = [
        [names for names in layout.graphs if not any(name in found for name in names)] for layout in layouts
    ]
    return min(lacking, key=len)


def resolve_precision(precision: str) -> str:
    """The name of a precision that is said by its name or an alias. Raises UsageError."""
    for item in PRECISIONS.values():
        if precision in (item.name, *item.aliases):
            return item.name
    raise UsageError("usage-unknown-precision", precision=precision, known=", ".join(PRECISIONS))


def _literal(name: str) -> str:
    """A file name as a pattern that matches nothing else."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)
