"""The main job on a real model, by the commands a user types: list, export, check, run, measure, delete."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command

pytestmark = [pytest.mark.real_model, pytest.mark.toolchain]

MINILM = "sentence-transformers/all-MiniLM-L6-v2"
SENTENCES = (
    "The battery of this phone lasts for two days.",
    "You only need to charge the mobile every other day.",
    "She bakes her own bread every morning.",
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory, toolchain_python: Path, real_hub: Path) -> dict[str, str]:
    """One data folder for all tests of this file: what the first exports, the others use."""
    return {
        "WORKBENCH_DATA_DIR": str(tmp_path_factory.mktemp("main-job")),
        "WORKBENCH_TOOLCHAIN_PYTHON": str(toolchain_python),
        "HF_HUB_CACHE": str(real_hub),
    }


@pytest.fixture(scope="module")
def exported(folders: dict[str, str]) -> Any:
    done = Command()("export", MINILM, "--precision", "fp32,int8", "--json", **folders)
    assert done.status == 0, done.err
    return done.json


def test_both_precisions_are_verified_and_the_small_one_is_recommended(exported: Any) -> None:
    variants = {item["precision"]: item for item in exported["variants"]}
    assert list(variants) == ["fp32", "int8"]
    assert variants["fp32"]["verification"]["agreement"]["mean"] > 0.99999
    assert variants["int8"]["verification"]["agreement"]["mean"] >= 0.99
    assert variants["int8"]["bytes"] <= variants["fp32"]["bytes"] / 3
    assert variants["int8"]["recommended"]
    assert variants["int8"]["verification"]["samples"] >= 16


def test_the_artifact_is_a_folder_as_the_hub_has_them(exported: Any, folders: dict[str, str]) -> None:
    folder = Path(exported["artifact"])
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert {"onnx/model.onnx", "onnx/model_int8.onnx", "config.json", "tokenizer.json", "workbench.json"} <= names
    (receipt,) = folder.glob("receipts/*.json")
    manifest = (folder / "workbench.json").read_text("utf-8")
    for private in (folders["WORKBENCH_DATA_DIR"], folders["HF_HUB_CACHE"], str(Path.home())):
        assert private not in manifest
        assert private not in receipt.read_text("utf-8")
    document = json.loads(manifest)
    assert {entry["name"] for entry in document["files"]} | {
        entry["name"] for variant in document["variants"] for entry in variant["files"]
    } == names - {"workbench.json", f"receipts/{receipt.name}"}


def test_the_export_ends_with_a_receipt(exported: Any, workbench: Command, folders: dict[str, str]) -> None:
    assert exported["warnings"] == []
    fp32, int8 = exported["receipt"]["rows"]
    assert exported["receipt"]["reference"] == "torch"
    assert exported["receipt"]["recommended"] == "int8"
    assert int8["agreement"]["metric"] == "cosine"
    assert 0.98 < int8["agreement"]["low"] <= int8["agreement"]["mean"] <= int8["agreement"]["high"] < 1
    assert int8["agreement"]["extra"]["rank_correlation"] > 0.95
    assert min(fp32["speed"]["runs"], int8["speed"]["runs"]) >= 16
    done = workbench("receipt", MINILM, **folders)
    assert done.status == 0, done.err
    assert "smaller, mean cosine 0.99" in done.out
    assert max(map(len, done.out.splitlines())) <= 80


def test_the_export_proves_itself_in_another_place(
    exported: Any, workbench: Command, folders: dict[str, str], tmp_path: Path
) -> None:
    there = shutil.copytree(exported["artifact"], tmp_path / "landed")
    done = workbench("verify", there, "--json")  # without the toolchain, the checkpoint and the folders of its export
    assert done.status == 0, done.err
    means = {row["precision"]: row["agreement"]["mean"] for row in done.json["rows"]}
    assert means["fp32"] > 0.99999
    assert means["int8"] == pytest.approx(exported["receipt"]["rows"][1]["agreement"]["mean"], abs=1e-3)


@pytest.mark.slow
def test_two_hundred_samples_of_ones_own(
    exported: Any, workbench: Command, folders: dict[str, str], tmp_path: Path
) -> None:
    """The original model is asked, in the export toolchain; nothing of the samples but excerpts is kept."""
    samples = tmp_path / "mine.txt"
    words = ("bread", "trains", "rain", "music", "markets")
    samples.write_text("".join(f"Note {n}: what was said about {words[n % 5]}.\n" for n in range(200)), "utf-8")
    done = workbench("receipt", MINILM, "--samples", samples, "--json", **folders)
    assert done.status == 0, done.err
    found = done.json["receipt"]
    assert (found["reference"], found["samples"]["kind"], found["samples"]["count"]) == ("torch", "own", 200)
    assert found["rows"][0]["agreement"]["mean"] > 0.99999
    assert found["rows"][1]["agreement"]["mean"] > 0.98
    assert [row["agreement"]["samples"] for row in found["rows"]] == [200, 200]
    text = Path(done.json["file"]).read_text("utf-8")
    assert text.count("Note ") <= 10
    assert str(samples) not in text
    staging = Path(folders["WORKBENCH_DATA_DIR"]) / "artifacts" / ".staging"
    assert [path for path in staging.iterdir() if path.is_dir()] == []


def test_the_exported_model_answers_which_sentences_mean_the_same(
    exported: Any, workbench: Command, folders: dict[str, str]
) -> None:
    done = workbench("run", MINILM, "--task", "sentence-similarity", *SENTENCES, "--json", **folders)
    assert done.status == 0, done.err
    assert done.json["variant"] == "int8"
    matrix = done.json["results"][0]["result"]
    assert matrix[0][1] > 0.4 > matrix[0][2]
    assert matrix[0][0] == pytest.approx(1, abs=1e-5)


def test_an_export_that_is_there_is_not_made_again(exported: Any, workbench: Command, folders: dict[str, str]) -> None:
    manifest = Path(exported["artifact"]) / "workbench.json"
    before = manifest.stat().st_mtime_ns
    done = workbench("export", MINILM, "--precision", "int8,fp32", "--json", **folders)
    assert done.status == 0
    assert [item["added"] for item in done.json["variants"]] == [False, False]
    assert manifest.stat().st_mtime_ns == before


def test_the_artifact_is_listed_shown_and_deleted(exported: Any, workbench: Command, folders: dict[str, str]) -> None:
    (listed,) = workbench("artifacts", "--json", **folders).json["artifacts"]
    assert listed["state"] == "ready"
    assert listed["recommended"] == "int8"
    shown = workbench("artifacts", "show", listed["id"], **folders).out
    assert "int8 (recommended)" in shown
    assert "apache-2.0" in shown
    copy = Path(folders["WORKBENCH_DATA_DIR"]) / "artifacts" / "copy--of" / Path(exported["artifact"]).name
    shutil.copytree(exported["artifact"], copy)
    name = f"copy--of/{copy.name}"
    assert workbench("artifacts", "delete", name, **folders).status == 0
    assert copy.is_dir()
    assert workbench("artifacts", "delete", name, "--yes", **folders).status == 0
    assert not copy.exists()
    assert Path(exported["artifact"]).is_dir()


@pytest.fixture
def watched(folders: dict[str, str], tmp_path: Path) -> tuple[list[str], Path]:
    """strace with a log; it notes every system call of the network, of all child processes."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    log = tmp_path / "calls"
    return [strace, "-f", "-qq", "--seccomp-bpf", "-e", "trace=%network,openat", "-o", str(log)], log


def reaching_out(calls: list[str]) -> list[str]:
    """Connections to hosts, and whatever was sent. What PulseAudio's library tries to send into its own pipes, to learn
    whether they are sockets, was not."""
    asked = [line for line in calls if re.search(r"AF_INET6?\b", line) and "connect(" in line]
    return asked + [line for line in calls if "sendto(" in line and "ENOTSOCK" not in line]


@pytest.mark.skipif(sys.platform != "linux", reason="watches system calls with strace")
@pytest.mark.parametrize(
    "words",
    [
        ["models"],
        ["doctor"],
        ["export", MINILM, "--precision", "fp16"],
        ["run", MINILM, "--task", "feature-extraction", *SENTENCES],
        ["bench", MINILM, "--task", "feature-extraction", "--rounds", "2"],
    ],
    ids=lambda words: words[0],
)
def test_a_session_is_silent(
    exported: Any, folders: dict[str, str], watched: tuple[list[str], Path], words: list[str]
) -> None:
    strace, log = watched
    # onnxruntime's telemetry hides where CI is set; and what a library would only do online must show.
    hidden = ("CI", "GITHUB_ACTIONS", "HF_HUB_OFFLINE", "ORT_DISABLE_TELEMETRY")
    environment = {name: value for name, value in os.environ.items() if name not in hidden} | folders
    command = [*strace, sys.executable, "-m", "workbench", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    calls = log.read_text("utf-8", errors="replace").splitlines()
    assert reaching_out(calls) == []
    # torch asks for the user's name, over a socket of this machine; for the name of a host this file would be read.
    assert [line for line in calls if "resolv.conf" in line] == []
