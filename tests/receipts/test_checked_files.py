"""An export whose files were changed is not run either; what was compared once is not read again for that."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.receipts.tiny_export import copied
from workbench.api import Workbench
from workbench.errors import ModelError
from workbench.library import published_files
from workbench.library.artifacts import Artifact
from workbench.library.checked_files import CheckedFiles, checked_files, mark_of
from workbench.library.manifest import read_manifest
from workbench.library.published_files import note_published
from workbench.settings import data_dir


def run(workbench: Workbench, model: str) -> list[Mapping[str, Any]]:
    """Run fp32 and return what was told of comparing files."""
    told: list[Mapping[str, Any]] = []
    workbench.run(
        workbench.target(model, precision="fp32"),
        ["good"],
        {"top_k": 1, "function_to_apply": None},
        on_progress=lambda body: told.append(body) if body["stage"] == "files" else None,
    )
    return told


def alter(path: Path) -> None:
    """Another content of the same size, with the times that the file had."""
    status, data = path.stat(), bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_files_are_compared_once_and_again_where_they_are_new(
    workbench: Workbench, export: Artifact, tmp_path: Path
) -> None:
    assert run(workbench, export.id)[-1]["done"] > 0
    assert not run(workbench, export.id)
    there = copied(export, tmp_path / "landed")
    assert run(workbench, str(there))
    assert not run(workbench, str(there))


@pytest.mark.parametrize("name", ["onnx/model.onnx", "config.json"])
@pytest.mark.parametrize("compared", [True, False])
def test_a_changed_file_of_the_same_size_is_refused(
    workbench: Workbench, export: Artifact, name: str, compared: bool
) -> None:
    if compared:
        workbench.verify(workbench.measured_model(export.id), precisions=("fp32",), threshold=0)
    alter(export.folder / name)
    for _ in range(2):
        with pytest.raises(ModelError) as caught:
            run(workbench, export.id)
        assert caught.value.code == "artifact-changed"
        assert caught.value.arguments["file"] == str(export.folder / name)
        assert "--force" in str(caught.value)
    with pytest.raises(ModelError, match="is not the file that was published"):
        workbench.bench(workbench.target(export.id, precision="fp32"), ["good"], {}, 1)


def test_what_another_precision_has_is_not_read(workbench: Workbench, export: Artifact) -> None:
    alter(export.folder / "onnx" / "model_int8.onnx")
    assert run(workbench, export.id)


def test_a_proof_and_a_publication_spare_the_first_run_that(
    workbench: Workbench, export: Artifact, tmp_path: Path
) -> None:
    workbench.verify(workbench.measured_model(export.id), precisions=("fp32",), threshold=0)
    assert not run(workbench, export.id)
    there = copied(export, tmp_path / "published")
    note_published(there, read_manifest(there), checked_files(data_dir()))
    assert not run(workbench, str(there))


def test_of_added_precisions_no_other_file_counts_as_compared(
    workbench: Workbench, export: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    note_published(export.folder, read_manifest(export.folder), checked_files(data_dir()), ("int8",))
    monkeypatch.setattr(published_files, "_entries", lambda manifest, precisions: iter(manifest.files))
    assert run(workbench, export.id)


class TestTheRecord:
    def mark(self, path: Path) -> tuple[int, int, int, int, str]:
        return mark_of(path.stat(), "a" * 64)

    def noted(self, record: Path, path: Path) -> bool:
        return CheckedFiles(record).knows(path, "a" * 64)

    @pytest.fixture
    def record(self, tmp_path: Path) -> Path:
        return tmp_path / "data" / "checked-files.json"

    @pytest.fixture
    def file(self, tmp_path: Path) -> Path:
        path = tmp_path / "model.onnx"
        path.write_bytes(b"graph")
        return path

    def test_it_is_kept_and_is_of_one_hash(self, record: Path, file: Path) -> None:
        checked = CheckedFiles(record)
        checked.note(file, self.mark(file))
        assert not self.noted(record, file)
        checked.keep()
        assert self.noted(record, file)
        assert not CheckedFiles(record).knows(file, "b" * 64)
        assert not self.noted(record, file.with_name("other.onnx"))

    def test_a_file_in_its_place_is_another(self, record: Path, file: Path) -> None:
        checked = CheckedFiles(record)
        checked.note(file, self.mark(file))
        checked.keep()
        shutil.copy2(file, file.with_name("copy"))
        file.with_name("copy").replace(file)
        assert not self.noted(record, file)

    @pytest.mark.parametrize("content", ["", "[]", '{"schema": 99, "files": {}}', "[" * 9999, '{"schema":1,"files":3}'])
    def test_a_record_that_cannot_be_read_is_empty_and_written_anew(
        self, record: Path, file: Path, content: str
    ) -> None:
        record.parent.mkdir()
        record.write_text(content, "utf-8")
        assert not self.noted(record, file)
        checked = CheckedFiles(record)
        checked.note(file, self.mark(file))
        checked.keep()
        assert self.noted(record, file)

    def test_where_nothing_can_be_written_nothing_is_known(self, tmp_path: Path, file: Path) -> None:
        (tmp_path / "data").write_text("a file", "utf-8")
        checked = CheckedFiles(tmp_path / "data" / "checked-files.json")
        checked.note(file, self.mark(file))
        checked.keep()
        assert not self.noted(tmp_path / "data" / "checked-files.json", file)
