"""What users and strangers can give the command line: one clear line, no traceback, no waiting without end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TINY, Command
from tests.cli.test_commands import one_line
from tests.library.building import Hub
from workbench.__main__ import main
from workbench.api import Workbench
from workbench.cancellation import Cancellation
from workbench.cli import run
from workbench.cli.inputs import gathered_inputs
from workbench.cli.parser import build_parser
from workbench.errors import InputError, ModelError, UsageError
from workbench.settings import Settings
from workbench.tasks.catalog import TASKS

POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs pipes in the file system, /dev, or a POSIX shell")


class TestInputs:
    @pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 900 + "1" + "}" * 900, "[" * 40 + "]" * 40])
    def test_json_without_end_is_wrong_use(
        self, workbench: Command, tiny_repo: Path, tmp_path: Path, text: str
    ) -> None:
        (tmp_path / "deep.json").write_text(text, "utf-8")
        done = workbench("run", TINY, "--input", f"@{tmp_path / 'deep.json'}")
        assert done.status == 2
        assert "not JSON (nested deeper than" in one_line(done.err)

    def test_one_text_is_compared_with_nothing(self) -> None:
        arguments = build_parser().parse_args(["run", "m", "one text"])
        with (
            pytest.raises(UsageError) as caught,
            gathered_inputs(TASKS["sentence-similarity"], arguments, Cancellation()),
        ):
            pass
        assert caught.value.code == "usage-one-text"

    def test_a_task_that_no_export_would_help_with(self, hub_cache: Path) -> None:
        Hub(hub_cache).add("someone/bert")
        with Workbench(Settings.load()) as core:
            with pytest.raises(ModelError, match="cannot be used for text-generation; it does text-class") as caught:
                core.target("someone/bert", task="text-generation")
            assert caught.value.code == "run-cannot-do"
            with pytest.raises(ModelError, match="export the model first"):
                core.target("someone/bert", task="text-classification")

    def test_labels_that_are_missing_are_told_before_a_model_is_loaded(
        self, workbench: Command, tiny_repo: Path
    ) -> None:
        for graph in tiny_repo.rglob("*.onnx"):
            graph.resolve().write_bytes(b"would be an error of its own")
        done = workbench("run", TINY, "--task", "zero-shot-classification", "a text")
        assert done.status == 2
        assert "zero-shot-classification needs candidate_labels" in one_line(done.err)

    @POSIX
    def test_a_device_without_end_is_cut_off(self, workbench: Command, tiny_repo: Path) -> None:
        done = workbench("run", TINY, "@/dev/zero")
        assert done.status == 1
        assert "/dev/zero gives more than 64 MiB" in one_line(done.err)

    @POSIX
    def test_a_pipe_that_nobody_writes_to_can_be_stopped(
        self, workbench: Command, tiny_repo: Path, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "pipe")
        process = workbench.start("run", TINY, "-", f"@{tmp_path / 'pipe'}")
        assert process.stdin
        process.stdin.close()  # stdin ends, and the pipe is opened next
        # Opening the other end without waiting succeeds only when the command waits at its own.
        while process.poll() is None:
            try:
                writer = os.open(tmp_path / "pipe", os.O_WRONLY | os.O_NONBLOCK)
            except OSError:
                continue
            break
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
        os.close(writer)
        for stream in (process.stdout, process.stderr):
            assert stream
            stream.close()

    def test_what_is_no_file_is_told(self, tmp_path: Path) -> None:
        for word, said in (
            (str(tmp_path), "a folder"),
            ("a" * 5000, "cannot be read"),
        ):
            arguments = build_parser().parse_args(["run", "m", word])
            opened = gathered_inputs(TASKS["image-classification"], arguments, Cancellation())
            with pytest.raises(InputError) as caught, opened:
                pass
            assert said in str(caught.value)
            assert "\n" not in str(caught.value)

    def test_a_file_that_is_not_there_is_left_to_the_task(self, tmp_path: Path) -> None:
        words = [str(tmp_path / "nothing.png"), str(Path(__file__))]
        arguments = build_parser().parse_args(["run", "m", *words])
        with gathered_inputs(TASKS["image-classification"], arguments, Cancellation()) as inputs:
            assert inputs == words


class TestStreams:
    @POSIX
    @pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
    def test_closed_streams_lead_nowhere(self, tiny_repo: Path, closed: str) -> None:
        command = f'exec "{sys.executable}" -m workbench run {TINY} hello {closed}'
        done = subprocess.run(["sh", "-c", command], capture_output=True, timeout=60, check=False)
        assert done.returncode == 0
        assert b"Traceback" not in done.stderr

    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")  # noqa: PTH110
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    @pytest.mark.parametrize("words", [["models"], ["settings", "--json"], ["run", TINY, "hello"]])
    def test_an_output_that_is_full_is_told_in_one_line(
        self, tiny_repo: Path, words: list[str], unbuffered: str
    ) -> None:
        with open("/dev/full", "wb") as full:  # noqa: PTH123
            done = subprocess.run(
                [sys.executable, "-m", "workbench", *words],
                stdout=full,
                stderr=subprocess.PIPE,
                env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
                timeout=60,
                check=False,
            )
        assert done.returncode == 1
        assert "the output cannot be written (No space left on device)" in done.stderr.decode()
        assert b"Traceback" not in done.stderr
        assert b"Exception ignored" not in done.stderr

    @POSIX
    @pytest.mark.parametrize("unbuffered", ["", "1"])
    def test_a_disk_that_is_full_in_the_middle_cuts_nothing_in_silence(self, tmp_path: Path, unbuffered: str) -> None:
        command = f'ulimit -f 1; exec "{sys.executable}" -m workbench tasks --json > "{tmp_path / "tasks.json"}"'
        done = subprocess.run(
            ["sh", "-c", command],
            capture_output=True,
            env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
            timeout=60,
            check=False,
        )
        assert (tmp_path / "tasks.json").stat().st_size > 0
        assert done.returncode == 1
        assert "the output cannot be written (File too large)" in one_line(done.stderr.decode())

    def test_control_characters_of_strangers_do_not_reach_the_terminal(
        self, workbench: Command, tiny_repo: Path
    ) -> None:
        config = json.loads((tiny_repo / "config.json").read_text("utf-8"))
        config["architectures"] = ["Odd\x1b[31m\nForSequenceClassification"]
        (tiny_repo / "config.json").unlink()
        (tiny_repo / "config.json").write_text(json.dumps(config), "utf-8")
        (tiny_repo / "README.md").write_text("---\nlicense: mit\n---\nwords\x1b]0;title\x07\n", "utf-8")
        done = workbench("show", TINY, "--card")
        assert done.status == 0
        assert "\x1b" not in done.out
        assert "\x07" not in done.out
        assert "words\\x1b]0;title\\x07" in done.out

    @POSIX
    def test_a_name_of_several_lines_is_told_in_one(self, workbench: Command, hub_cache: Path) -> None:
        (hub_cache / "models--some\none--tiny" / "snapshots").mkdir(parents=True)
        done = workbench("models")
        assert done.status == 0
        assert done.out.splitlines()[-1].startswith("some\\none/tiny: ")


class TestCtrlC:
    @pytest.fixture(autouse=True)
    def handlers(self) -> Iterator[None]:
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        yield
        for number, handler in before.items():
            signal.signal(number, handler)

    @pytest.mark.parametrize("front", ["workbench.cli.run", "workbench.gui.run"])
    def test_before_all_is_imported(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], front: str
    ) -> None:
        """In the middle of code that a library makes out of text, after which Python forgets what it was told."""

        def importing(*words: object) -> int:
            try:
                exec("import signal; signal.raise_signal(signal.SIGINT)")
            except KeyboardInterrupt:
                pytest.fail("Python would end by the signal after this")
            return 0

        monkeypatch.setattr(front, importing)
        monkeypatch.setattr(os, "_exit", sys.exit)
        monkeypatch.setattr(sys, "argv", ["workbench", *(["models"] if "cli" in front else [])])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 130
        assert capsys.readouterr().err == "stopped\n"

    def test_that_came_when_the_work_was_done_all_the_same(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def ending(workbench: Workbench, arguments: Any, cancellation: Cancellation) -> int:
            heard = threading.Event()
            cancellation.on_request(heard.set)
            signal.raise_signal(signal.SIGINT)
            heard.wait()
            return 0

        monkeypatch.setattr("workbench.cli.libraries.tasks", ending)
        assert run(["tasks"]) == 130
        assert capsys.readouterr().err == "stopping …\n"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs a folder that nobody can write to")  # noqa: PTH112
@pytest.mark.parametrize(("words", "status"), [(["toolchain"], 0), (["doctor"], 1), (["models"], 0)])
def test_a_data_folder_that_cannot_be_written_is_told(workbench: Command, words: list[str], status: int) -> None:
    done = workbench(*words, WORKBENCH_DATA_DIR="/proc/nothing", WORKBENCH_TOOLCHAIN_PYTHON=sys.executable)
    assert done.status == status
    assert "Traceback" not in done.err
    if words != ["models"]:
        assert "/proc/nothing" in done.out
