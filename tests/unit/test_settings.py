"""Settings: the file, the environment over it, and what a wrong value is told."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from workbench.errors import UsageError, WorkbenchError
from workbench.settings import (
    Settings,
    change_setting,
    data_dir,
    default_hub_cache,
    settings_path,
    starter_hub,
)
from workbench.thread_limit import most_threads

NAMES = (
    "hub_cache",
    "model_folders",
    "artifacts_dir",
    "toolchain_python",
    "provider",
    "threads",
    "memory_budget_bytes",
    "theme",
    "language",
    "microphone",
)


def refused(code: str, *names: str) -> Any:
    return pytest.raises(UsageError, match=".*".join(names), check=lambda error: error.code == code)


@pytest.fixture
def file() -> Path:
    path = settings_path()
    path.parent.mkdir(parents=True)
    return path


class TestPlaces:
    def test_all_of_the_apps_own_lies_in_the_data_folder(self, tmp_path: Path) -> None:
        assert data_dir() == tmp_path / "data"
        assert settings_path() == tmp_path / "data" / "settings.json"
        assert starter_hub() == tmp_path / "data" / "hub"
        assert Settings().artifacts_folder == tmp_path / "data" / "artifacts"

    def test_without_a_data_folder_the_systems_places(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WORKBENCH_DATA_DIR")
        assert data_dir().is_absolute()
        assert data_dir().name == "offline-ai-workbench"
        assert settings_path().parent.name == "offline-ai-workbench"

    def test_the_data_folder_may_be_relative_and_in_the_home(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("WORKBENCH_DATA_DIR", "here")
        assert data_dir() == tmp_path / "here"
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
        monkeypatch.setenv("WORKBENCH_DATA_DIR", "~/there")
        assert data_dir() == tmp_path / "home" / "there"

    @pytest.mark.parametrize(
        ("variables", "expected"),
        [
            ({"HF_HUB_CACHE": "/a", "HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/a"),
            ({"HUGGINGFACE_HUB_CACHE": "/b", "HF_HOME": "/c"}, "/b"),
            ({"HF_HOME": "/c", "XDG_CACHE_HOME": "/d"}, "/c/hub"),
            ({"XDG_CACHE_HOME": "/d"}, "/d/huggingface/hub"),
            ({}, "/home/.cache/huggingface/hub"),
            ({"HF_HOME": "~/c"}, "/home/c/hub"),
            ({"HF_HUB_CACHE": "$PLACE/a", "PLACE": "/e"}, "/e/a"),
            ({"HF_HUB_CACHE": "", "HF_HOME": ""}, "/home/.cache/huggingface/hub"),
        ],
    )
    @pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")
    def test_the_hub_cache_is_where_its_own_client_looks(
        self, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], expected: str
    ) -> None:
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HOME", "XDG_CACHE_HOME"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("HOME", "/home")
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert default_hub_cache() == Path(expected)
        assert Settings().hub_cache_folder == Path(expected)


class TestLoading:
    def test_no_file_means_defaults(self) -> None:
        settings = Settings.load()
        assert settings == Settings()
        assert (settings.provider, settings.threads, settings.model_folders) == ("auto", 0, ())
        assert settings.memory_limit_bytes == psutil.virtual_memory().total // 2

    def test_all_of_a_file(self, file: Path, tmp_path: Path) -> None:
        value = {
            "hub_cache": str(tmp_path / "cache"),
            "model_folders": [str(tmp_path / "a"), str(tmp_path / "b")],
            "artifacts_dir": str(tmp_path / "out"),
            "toolchain_python": str(tmp_path / "python"),
            "provider": "cpu",
            "threads": 3,
            "memory_budget_bytes": 5,
        }
        file.write_text(json.dumps(value), "utf-8")
        settings = Settings.load()
        assert settings.hub_cache_folder == tmp_path / "cache"
        assert settings.model_folders == (tmp_path / "a", tmp_path / "b")
        assert settings.artifacts_folder == tmp_path / "out"
        assert settings.toolchain_python == tmp_path / "python"
        assert (settings.provider, settings.threads, settings.memory_limit_bytes) == ("cpu", 3, 5)

    def test_the_environment_goes_before_the_file(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file.write_text('{"threads": 3, "provider": "cpu"}', "utf-8")
        monkeypatch.setenv("WORKBENCH_THREADS", "7")
        monkeypatch.setenv("WORKBENCH_PROVIDER", "")
        settings = Settings.load()
        assert (settings.threads, settings.provider) == (7, "cpu")
        assert settings.origins == {"threads": "environment", "provider": "file"}

    @pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000])
    def test_a_file_that_is_none_is_named(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        with refused("settings-unreadable", "settings.json"):
            Settings.load()

    def test_a_folder_in_its_place(self, file: Path) -> None:
        file.mkdir()
        with refused("settings-unreadable", "settings.json"):
            Settings.load()

    @pytest.mark.skipif(sys.platform == "win32", reason="needs pipes in the file system, and /dev")
    @pytest.mark.parametrize("target", ["pipe", "/dev/zero"])
    def test_something_without_end_in_its_place(self, file: Path, target: str) -> None:
        os.mkfifo(file.with_name("pipe"))
        file.symlink_to(target)
        with refused("settings-unreadable", "settings.json"):
            Settings.load()

    def test_an_endless_one(self, file: Path) -> None:
        file.write_text("[" + " " * (1 << 20) + "]", "utf-8")
        with refused("settings-unreadable", "settings.json", "larger than"):
            Settings.load()

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("nonsense", 1),
            ("data_dir", "/a"),
            ("origins", {}),
            ("hub_cache", "relative"),
            ("hub_cache", 5),
            ("hub_cache", "/a\0b"),
            ("hub_cache", "/a\ud800"),
            ("model_folders", "/a"),
            ("model_folders", ["/a", "b"]),
            ("model_folders", None),
            ("provider", "gpu"),
            ("provider", ["cpu"]),
            ("threads", -1),
            ("threads", 5000),
            ("threads", 1.0),
            ("threads", True),
            ("threads", "3"),
            ("memory_budget_bytes", 0),
        ],
    )
    def test_an_entry_that_cannot_be_used_is_named(self, file: Path, name: str, value: Any) -> None:
        file.write_text(json.dumps({name: value}), "utf-8")
        with refused("settings-bad-entry", "settings.json", name):
            Settings.load()

    @pytest.mark.parametrize(("name", "value"), [("threads", "many"), ("provider", "gpu"), ("model_folders", "[1]")])
    def test_a_variable_that_cannot_be_used_is_named(
        self, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setenv(f"WORKBENCH_{name.upper()}", value)
        with refused("settings-bad-variable", f"WORKBENCH_{name.upper()}"):
            Settings.load()


class TestChanging:
    def test_a_change_is_kept_and_an_empty_value_takes_it_back(self) -> None:
        assert change_setting("threads", "3").threads == 3
        assert change_setting("provider", "cpu").threads == 3
        assert json.loads(settings_path().read_text("utf-8")) == {"provider": "cpu", "threads": 3}
        assert change_setting("threads", " ").threads == 0
        assert json.loads(settings_path().read_text("utf-8")) == {"provider": "cpu"}

    def test_what_the_environment_says_is_not_written(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKBENCH_THREADS", "7")
        assert change_setting("provider", "cpu").threads == 7
        assert json.loads(settings_path().read_text("utf-8")) == {"provider": "cpu"}
        Settings.load().save()
        assert json.loads(settings_path().read_text("utf-8")) == {"provider": "cpu"}

    def test_paths_are_written_whole(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
        assert change_setting("hub_cache", "cache").hub_cache == tmp_path / "cache"
        assert change_setting("hub_cache", "~/cache").hub_cache == tmp_path / "home" / "cache"
        folders = os.pathsep.join(["a", "~/b"])
        expected = (tmp_path / "a", tmp_path / "home" / "b")
        assert change_setting("model_folders", folders).model_folders == expected
        assert change_setting("model_folders", '["a", "~/b"]').model_folders == expected

    @pytest.mark.skipif(sys.platform != "linux", reason="elsewhere all names of files are Unicode")
    def test_a_path_that_is_not_utf8_is_kept(self) -> None:
        folder = os.fsdecode(b"/tmp/\xff")
        change_setting("hub_cache", folder)
        assert str(Settings.load().hub_cache) == folder

    def test_numbers_may_be_grouped(self) -> None:
        assert change_setting("memory_budget_bytes", "4_000_000_000").memory_budget_bytes == 4_000_000_000

    @pytest.mark.parametrize(
        ("name", "text", "code", "said"),
        [
            ("threads", "many", "settings-bad-value", "whole number"),
            ("threads", "-1", "settings-bad-value", f"0 to {most_threads()}"),
            ("threads", str(most_threads() + 1), "settings-bad-value", f"0 to {most_threads()}"),
            ("provider", "gpu", "settings-bad-value", "auto, cpu, cuda, dml"),
            ("model_folders", "[1]", "settings-bad-value", "JSON list"),
            ("model_folders", '["a"', "settings-bad-value", "JSON list"),
            ("nonsense", "1", "settings-unknown", "threads"),
            ("data_dir", "/a", "settings-fixed", "WORKBENCH_DATA_DIR"),
        ],
    )
    def test_a_value_that_cannot_be_used_changes_nothing(self, name: str, text: str, code: str, said: str) -> None:
        change_setting("threads", "3")
        with refused(code, said):
            change_setting(name, text)
        assert json.loads(settings_path().read_text("utf-8")) == {"threads": 3}

    def test_a_file_that_cannot_be_written_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(WorkbenchError) as caught:
            Settings().save(tmp_path / "file" / "settings.json")
        assert caught.value.code == "settings-not-written"
        assert not isinstance(caught.value, UsageError)  # a failure, and nothing that the words could help

    @pytest.mark.parametrize("below", ["", "deeper"])
    def test_a_file_where_the_data_folder_should_be(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, below: str
    ) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("WORKBENCH_DATA_DIR", str(tmp_path / "file" / below))
        with refused("settings-no-folder", re.escape(f"because {tmp_path / 'file'} is no folder")):
            Settings.load()

    def test_a_file_that_may_not_be_read(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def denied(path: Path) -> None:
            raise PermissionError(13, "Permission denied", str(path))

        monkeypatch.setattr(Path, "stat", denied)
        with refused("settings-not-read", r"\(Permission denied\)"):
            Settings.load()

    def test_a_change_leaves_no_other_file(self) -> None:
        change_setting("threads", "3")
        assert [path.name for path in data_dir().iterdir()] == ["settings.json"]


class TestMoreThreadsThanRunHere:
    """Words and variables of this machine are refused; a file from a larger one is kept, and counts as not set."""

    MANY = most_threads() + 1

    def test_a_file_of_a_larger_machine_counts_as_not_set(self, file: Path) -> None:
        file.write_text(json.dumps({"threads": self.MANY}), "utf-8")
        settings = Settings.load()
        assert (settings.threads, settings.usable_threads) == (self.MANY, 0)
        (row,) = (row for row in settings.describe() if row.name == "threads")
        assert (row.value, row.origin) == (0, "file")
        assert f"{self.MANY} are more than this machine can run ({most_threads()})" in row.shown

    def test_another_change_leaves_it_in_the_file(self, file: Path) -> None:
        file.write_text(json.dumps({"threads": self.MANY}), "utf-8")
        change_setting("provider", "cpu")
        assert json.loads(file.read_text("utf-8")) == {"provider": "cpu", "threads": self.MANY}

    def test_a_variable_is_of_this_machine(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("WORKBENCH_THREADS", str(self.MANY))
        with refused("settings-bad-variable", "WORKBENCH_THREADS", f"0 to {most_threads()}"):
            Settings.load()

    def test_what_runs_here_is_taken(self) -> None:
        assert change_setting("threads", str(most_threads())).usable_threads == most_threads()


class TestDescribing:
    def test_every_setting_with_what_is_in_force_and_where_it_came_from(self, monkeypatch: pytest.MonkeyPatch) -> None:
        change_setting("threads", "3")
        monkeypatch.setenv("WORKBENCH_PROVIDER", "cpu")
        rows = {row.name: row for row in Settings.load().with_value("model_folders", "/a").describe()}
        assert tuple(rows) == ("data_dir", *NAMES)
        assert (rows["threads"].value, rows["threads"].origin) == (3, "file")
        assert (rows["provider"].value, rows["provider"].origin) == ("cpu", "environment")
        assert (rows["model_folders"].origin, rows["hub_cache"].origin) == ("command line", "default")
        assert rows["hub_cache"].shown == str(default_hub_cache())
        assert rows["artifacts_dir"].value == str(data_dir() / "artifacts")
        assert rows["toolchain_python"].shown == "–"
        assert rows["provider"].choices == ("auto", "cpu", "cuda", "dml", "openvino", "webgpu")
        assert all(row.help for row in rows.values())
        json.dumps([vars(row) for row in rows.values()])
