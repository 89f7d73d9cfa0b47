"""Every command but export on a tiny model in a hub cache: its answers, its exit status, its one clear line."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import COMMIT, TINY, Command
from tests.engine.tiny import expected
from workbench import __version__
from workbench.tasks.catalog import TASKS


def one_line(text: str) -> str:
    """The only line of an error, without the program's name."""
    assert text.count("\n") == 1, text
    assert text.startswith("workbench: ")
    assert "Traceback" not in text
    return text.removeprefix("workbench: ").strip()


class TestModels:
    def test_a_model_is_listed_with_what_can_be_done(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("models", "--json")
        assert done.status == 0
        (model,) = done.json["models"]
        assert model["id"] == TINY
        assert model["state"] == "ready"
        assert model["task"] == "text-classification"
        assert model["run"]["answer"] == "yes"
        assert done.json["warnings"] == []
        assert TINY in workbench("models").out

    def test_a_missing_cache_is_told_and_no_failure(self, workbench: Command) -> None:
        done = workbench("models", "--json")
        assert done.status == 0
        assert done.json["models"] == []
        assert [warning["code"] for warning in done.json["warnings"]] == ["cache-missing"]

    def test_another_cache_can_be_named(self, workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        assert workbench("models", "--json", "--cache-dir", tmp_path / "empty").json["models"] == []
        listed = workbench("models", "--json", HF_HUB_CACHE=str(tmp_path / "empty"))
        assert listed.json["models"] == []

    def test_models_of_one_task(self, workbench: Command, tiny_repo: Path) -> None:
        assert len(workbench("models", "--task", "text-classification", "--json").json["models"]) == 1
        assert workbench("models", "--task", "automatic-speech-recognition", "--json").json["models"] == []

    def test_show_tells_everything(self, workbench: Command, tiny_repo: Path) -> None:
        (tiny_repo / "README.md").write_text(
            "---\nlicense: mit\nlanguage: [en, de]\n---\n# Tiny\nIt is small.\n", "utf-8"
        )
        done = workbench("show", TINY, "--card")
        assert done.status == 0
        for words in ("text-classification", "mit", "en, de", COMMIT, "It is small."):
            assert words in done.out
        assert workbench("show", TINY, "--json").json["licence"] == "mit"

    def test_an_unknown_model_is_told_with_what_is_near(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("show", "someone/tinny")
        assert done.status == 1
        assert TINY in one_line(done.err)

    def test_deleting_is_shown_before_it_is_done(self, workbench: Command, tiny_repo: Path, hub_cache: Path) -> None:
        plan = workbench("delete", TINY, "--dry-run", "--json").json
        assert not plan["deleted"]
        assert tiny_repo.is_dir()
        done = workbench("delete", TINY, "--yes", "--json")
        assert done.status == 0
        assert done.json["freed_bytes"] == plan["bytes"] > 0
        assert not (hub_cache / "models--someone--tiny").exists()
        assert workbench("models", "--json").json["models"] == []

    def test_deleting_needs_a_word(self, workbench: Command, tiny_repo: Path) -> None:
        assert workbench("delete", TINY).status == 2
        assert tiny_repo.is_dir()


class TestRun:
    def test_json_has_the_shape_that_is_promised(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good", "--json", "bad bad", "--param", "top_k=1")
        assert done.status == 0
        value = done.json
        assert value["task"] == "text-classification"
        assert value["model"] == TINY
        assert value["variant"] == "fp32"
        assert value["providers"] == {"asked": "auto", "got": ["cpu"]}
        assert set(value["timing_ms"]) == {"load", "preprocess", "session", "postprocess", "total"}
        assert [item["input"] for item in value["results"]] == ["good", "bad bad"]
        for item, label in zip(value["results"], ("positive", "negative"), strict=True):
            ((best,)) = item["result"]
            assert best["label"] == label
            assert best["score"] == pytest.approx(expected(item["input"])[label], abs=1e-6)
            assert item["warnings"] == []

    def test_text_out_of_a_file_and_out_of_a_pipe(self, workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
        (tmp_path / "text.txt").write_text("good fine", "utf-8")
        from_file = workbench("run", TINY, f"@{tmp_path / 'text.txt'}", "--json").json
        from_pipe = workbench("run", TINY, "-", "--json", stdin=b"good fine").json
        assert from_file["results"] == from_pipe["results"]
        assert from_file["results"][0]["result"][0]["score"] == pytest.approx(
            expected("good fine")["positive"], abs=1e-6
        )

    def test_a_folder_runs_as_it_is(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", tiny_repo, "good", "--json")
        assert done.status == 0
        assert done.json["results"][0]["result"][0]["label"] == "positive"

    def test_answers_for_people(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good")
        assert done.status == 0
        assert done.out.split()[:3] == ["label", "score", "positive"]
        assert "on cpu" in done.err

    def test_a_bad_input_does_not_cost_the_others(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good", "--input", '{"wrong": 1}', "--json")
        assert done.status == 1
        first, second = done.json["results"]
        assert first["result"][0]["label"] == "positive"
        assert second["result"] is None
        assert second["error"]["message"]
        assert one_line(done.err)

    def test_text_over_the_models_length_is_cut_and_said(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "good " * 500, "--json")
        assert done.status == 0
        (warning,) = done.json["results"][0]["warnings"]
        assert warning["code"] == "text-truncated"

    @pytest.mark.parametrize(
        ("words", "status", "said"),
        [
            (["run", TINY], 2, "needs an input"),
            (["run", TINY, "x", "--task", "mind-reading"], 2, "known tasks: feature-extraction"),
            (["run", TINY, "x", "--param", "colour=red"], 2, "it has: top_k"),
            (["run", TINY, "x", "--param", "top_k=0"], 2, "top_k"),
            (["run", TINY, "x", "--param", "top_k"], 2, "NAME=VALUE"),
            (["run", TINY, "--input", "{"], 2, "not JSON"),
            (["run", TINY, "@nowhere.txt"], 1, "nowhere.txt"),
            (["run", TINY, "x", "--precision", "int8"], 1, "fp32"),
            (["run", TINY, "x", "--precision", "int9"], 2, "known: fp32"),
            (["run", TINY, "x", "--revision", "v9"], 1, "main"),
            (["run", TINY, "x", "--provider", "dml"], 1, "dml"),
            (["run", TINY, "x", "--task", "automatic-speech-recognition"], 1, "of the kind 'bert'"),
            (["run", TINY, "x", "--provider", "npu"], 2, "npu"),
            (["run", TINY, "x", "--threads", "-1"], 2, "whole number from 0"),
            (["run", "nobody/nothing", "x"], 1, "nobody/nothing"),
            (["bench", TINY, "--rounds", "0"], 2, "rounds"),
        ],
    )
    def test_what_is_wrong_is_one_line(
        self, workbench: Command, tiny_repo: Path, words: list[str], status: int, said: str
    ) -> None:
        done = workbench(*words)
        assert done.status == status
        assert said in one_line(done.err)
        assert done.out == ""

    def test_ctrl_c_stops_a_run_and_leaves_nothing(self, workbench: Command, tiny_repo: Path) -> None:
        process = workbench.start("run", TINY, "good", "slow")
        assert process.stdout
        assert process.stderr
        assert process.stdout.readline()  # the first answer: the second is being worked on
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=10)
        assert process.returncode == 130
        assert err.decode().splitlines()[-1] == "stopped"
        assert psutil.wait_procs(children, timeout=5)[1] == []

    @pytest.mark.skipif(os.name == "nt", reason="there is no SIGKILL; TerminateProcess does the same to a process")
    def test_a_killed_engine_is_one_line(self, workbench: Command, tiny_repo: Path) -> None:
        process = workbench.start("run", TINY, "good", "slow")
        assert process.stdout
        assert process.stdout.readline()
        for child in psutil.Process(process.pid).children():
            child.kill()
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "engine stopped while running someone/tiny" in one_line(err.decode())

    def test_a_reader_that_leaves_is_no_crash(self, workbench: Command, tiny_repo: Path) -> None:
        process = workbench.start("run", TINY, *["good"] * 3)
        assert process.stdout
        assert process.stderr
        process.stdout.close()
        with process, process.stderr:
            assert b"Traceback" not in process.stderr.read()


class TestBench:
    def test_figures(self, workbench: Command, tiny_repo: Path) -> None:
        value = workbench("bench", TINY, "pause", "--rounds", "3", "--threads", "1", "--json").json
        assert value["threads"] == 1
        assert value["runs"] == 3
        for name in ("load_ms", "first_ms", "median_ms", "p95_ms", "throughput_per_s", "bare_session_ms"):
            assert value[name] > 0
        assert value["median_ms"] <= value["p95_ms"]

    def test_built_in_samples_are_taken_where_no_input_is_named(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("bench", TINY, "--rounds", "1")
        assert done.status == 0
        assert "throughput" in done.out


class TestSystem:
    def test_version(self, workbench: Command) -> None:
        assert workbench("--version").out.strip() == f"workbench {__version__}"

    def test_help_and_wrong_words(self, workbench: Command) -> None:
        assert "models" in workbench("--help").out
        assert workbench("modles").status == 2
        assert workbench("models", "--nonsense").status == 2

    def test_tasks_are_those_of_the_catalog(self, workbench: Command) -> None:
        tasks = {item["id"]: item for item in workbench("tasks", "--json").json["tasks"]}
        assert list(tasks) == list(TASKS)
        assert tasks["text-classification"]["formats"] == ["json", "csv", "txt"]
        out = workbench("tasks").out
        assert all(task in out for task in TASKS)
        assert "--format txt|srt|vtt|csv|json" in out

    def test_doctor_finds_the_cpu_working(self, workbench: Command) -> None:
        done = workbench("doctor", "--json")
        checks = {(item["area"], item["name"]): item for item in done.json["checks"]}
        assert checks["provider", "cpu"]["state"] == "ok"
        assert checks["toolchain", "optimum"]["state"] == "missing"
        assert "toolchain install" in checks["toolchain", "optimum"]["detail"]
        assert checks["version", "workbench"]["detail"] == __version__
        assert done.status == (0 if done.json["healthy"] else 1)

    def test_settings_are_changed_and_restored(self, workbench: Command, tmp_path: Path) -> None:
        assert workbench("settings", "threads=3", "--json").json["settings"]["threads"] == 3
        assert workbench("settings", "--json").json["settings"]["threads"] == 3
        assert workbench("settings", "threads=", "--json").json["settings"]["threads"] == 0
        done = workbench("settings", "threads=many")
        assert done.status == 2
        assert "threads" in one_line(done.err)

    def test_a_broken_settings_file_is_named(self, workbench: Command) -> None:
        file = Path(workbench("settings", "--json").json["file"])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{", "utf-8")
        done = workbench("models")
        assert done.status == 2
        assert str(file) in one_line(done.err)

    def test_no_toolchain_is_told_with_the_way_to_get_one(self, workbench: Command) -> None:
        done = workbench("toolchain")
        assert done.status == 0
        assert "workbench toolchain install" in done.out

    def test_artifacts_none(self, workbench: Command) -> None:
        assert workbench("artifacts", "--json").json["artifacts"] == []
        assert workbench("artifacts", "show", "nothing").status in (1, 2)
        assert workbench("artifacts", "delete").status == 2

    def test_completion_of_models_and_tasks(self, workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
        answer = tmp_path / "completion"

        def complete(line: str) -> list[str]:
            variables = {
                "_ARGCOMPLETE": "1",
                "_ARGCOMPLETE_IFS": "\n",
                "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
                "COMP_LINE": line,
                "COMP_POINT": str(len(line)),
            }
            workbench(**variables)
            return [word.strip() for word in answer.read_text("utf-8").split("\n")]

        assert complete("workbench run some") == [TINY]
        assert "token-classification" in complete("workbench run x --task to")


def test_two_listings_at_once_do_not_harm_the_index(workbench: Command, tiny_repo: Path) -> None:
    outcomes: list[Any] = []
    threads = [threading.Thread(target=lambda: outcomes.append(workbench("models", "--json").json)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 4
    for outcome in outcomes:
        del outcome["models"][0]["last_used"]  # reading is a use
    assert all(outcome == outcomes[0] for outcome in outcomes)
