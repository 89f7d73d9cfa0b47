"""``run --out``: results as files, named after their inputs; and structured inputs with files in them."""

from __future__ import annotations

import argparse
import csv
import errno
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TINY, Command, in_process
from tests.cli.test_commands import one_line
from workbench.cancellation import Cancellation
from workbench.cli.inputs import gathered_inputs
from workbench.errors import InputError, UsageError
from workbench.saving.files import put_new, unusable
from workbench.tasks.info import Field, Layout, TaskInfo

LAYOUT = (Layout("x"),)
QUESTION = TaskInfo("q", "Q", "fields", "Answers", LAYOUT, fields=(Field("question"), Field("context")))
DOCUMENT = TaskInfo("d", "D", "fields", "Answers", LAYOUT, fields=(Field("image", "image"), Field("question")))


def test_results_are_saved_and_named(workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "folder"
    done = workbench("run", TINY, "good", "bad", "good", "--out", out, "--format", "csv,json", "--json")
    assert done.status == 0, done.err
    files = [item["files"] for item in done.json["results"]]
    assert [[Path(path).name for path in paths] for paths in files] == [
        ["good.csv", "good.json"],
        ["bad.csv", "bad.json"],
        ["good-2.csv", "good-2.json"],
    ]
    assert {str(path) for path in out.iterdir()} == {path for paths in files for path in paths}
    assert json.loads(Path(files[1][1]).read_text("utf-8")) == done.json["results"][1]["result"]
    with Path(files[0][0]).open(encoding="utf-8-sig", newline="") as stream:
        assert next(csv.DictReader(stream))["label"] == "positive"
    assert "saved" in done.err


def test_a_failed_input_has_no_file(workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
    done = workbench("run", TINY, "good", "--input", '{"wrong": 1}', "--out", tmp_path / "out", "--json")
    assert done.status == 1
    first, second = done.json["results"]
    assert [Path(path).name for path in first["files"]] == ["good.json"]
    assert "files" not in second


def test_a_second_run_replaces_nothing(workbench: Command, tiny_repo: Path, tmp_path: Path) -> None:
    (tmp_path / "good.json").write_text("mine", "utf-8")
    done = workbench("run", TINY, "good", "--out", tmp_path)
    assert done.status == 0
    assert (tmp_path / "good.json").read_text("utf-8") == "mine"
    assert (tmp_path / "good-2.json").is_file()
    assert done.out.split()[:3] == ["label", "score", "positive"]


@pytest.mark.parametrize("json_asked", [True, False])
def test_answers_are_told_where_the_disk_is_full(
    json_asked: bool,
    tiny_repo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    written: list[Path] = []

    def with_room_for_one(folder: Path, stem: str, suffix: str, data: bytes) -> Path:
        if written:
            raise unusable(folder / f"{stem}{suffix}", OSError(errno.ENOSPC, "No space left on device"))
        written.append(put_new(folder, stem, suffix, data))
        return written[0]

    monkeypatch.setattr("workbench.saving.formats.put_new", with_room_for_one)
    words = ["run", TINY, "good", "bad", "--out", str(tmp_path / "out"), "--format", "csv,json"]
    assert in_process(*words, *(["--json"] if json_asked else [])) == 1
    said = capsys.readouterr()
    assert "good.json cannot be written (No space left on device)" in said.err
    assert f"saved {written[0]}" in said.err
    if json_asked:
        first, second = json.loads(said.out)["results"]
        assert first["files"] == [str(written[0])]
        assert "files" not in second
        assert first["result"] != second["result"]
    else:
        assert said.out.count("positive") == 2


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["--format", "csv"], 2, "--out DIR"),
        (["--out", "out", "--format", "srt"], 2, "it can as: json, csv, txt"),
        (["--out", "file/below"], 1, "cannot be written"),
        (["--out", "file"], 1, "cannot be written"),
    ],
)
def test_what_cannot_be_saved_is_said_before_the_run(
    workbench: Command,
    tiny_repo: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    status: int,
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[2]))
    (tmp_path / "file").touch()
    done = workbench("run", TINY, "slow", *words)  # a run that would never end
    assert done.status == status
    assert said in one_line(done.err)


class TestStructured:
    def inputs(self, task: TaskInfo, *words: str, given: tuple[str, ...] = ()) -> list[Any]:
        arguments = argparse.Namespace(inputs=list(given), input=list(words))
        with gathered_inputs(task, arguments, Cancellation()) as items:
            return items

    def test_fields_are_given_as_they_are(self) -> None:
        item = {"question": "Who?", "context": "Ana."}
        assert self.inputs(QUESTION, json.dumps(item)) == [item]
        assert self.inputs(QUESTION, json.dumps([item, item])) == [item, item]

    def test_paths_are_made_whole(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "a.png").touch()
        items = self.inputs(DOCUMENT, '{"image": "a.png", "question": "a.png"}')
        assert items == [{"image": str(tmp_path / "a.png"), "question": "a.png"}]

    def test_a_folder_is_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(InputError, match="it is a folder"):
            self.inputs(DOCUMENT, json.dumps({"image": str(tmp_path), "question": "?"}))

    def test_what_is_no_text_is_for_the_task_to_refuse(self) -> None:
        assert self.inputs(DOCUMENT, '{"image": 5}', "7") == [{"image": 5}, 7]

    def test_bare_words_name_no_field(self) -> None:
        with pytest.raises(UsageError, match="takes --input JSON with the fields question, context"):
            self.inputs(QUESTION, given=("Who?",))

    @pytest.mark.skipif(sys.platform == "win32", reason="names of devices differ")
    def test_a_device_is_no_file(self) -> None:
        with pytest.raises(InputError, match="a pipe or a device"):
            self.inputs(DOCUMENT, '{"image": "/dev/zero"}')
