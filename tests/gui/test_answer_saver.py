"""Where an answer is saved, whatever the dialog gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog, QWidget
from pytestqt.qtbot import QtBot

from workbench.gui.answer_saver import Answer, AnswerSaver
from workbench.gui.background import Background
from workbench.results import Box, Boxes, Mask, Masks

BOXES = Answer("/x/cat.png", "image", Boxes(8, 4, (Box("cat", 0.9, 1, 1, 4, 3),)))
MASKS = Answer("/x/cat.png", "image", Masks(2, 1, tuple(Mask(name, None, np.zeros((1, 2), np.uint8)) for name in "ab")))


@pytest.fixture
def saver(qtbot: QtBot, background: Background) -> AnswerSaver:
    parent = QWidget()
    qtbot.addWidget(parent)
    said: list[tuple[str, str]] = []

    def tell(words: Callable[[], str], tone: str) -> None:
        said.append((words(), tone))

    made = AnswerSaver(background, lambda path, result, cancellation: b"drawn", tell, parent)
    made.said = said  # type: ignore[attr-defined]
    return made


def saved(saver: AnswerSaver, answer: Answer, qtbot: QtBot) -> Path:
    with qtbot.waitSignal(saver.saved) as caught:
        saver.ask(answer, [answer], lambda: {"whole": True}, saver._widget)
    return Path(caught.args[0])


@pytest.mark.parametrize(
    ("typed", "chosen", "name"),
    [
        ("a.json", "JSON (*.json)", "a.json"),
        ("a", "Table (CSV) (*.csv)", "a.csv"),
        ("a.json", "Table (CSV) (*.csv)", "a.csv"),
        ("a.json", "COCO annotations (JSON) (*.coco.json)", "a.coco.json"),
        ("a.coco.json", "Drawn over the picture (PNG) (*.png)", "a.png"),
        ("a.csv", "", "a.csv"),
        ("a.json", "All about the run, as JSON (*.json)", "a.json"),
    ],
)
def test_the_file_has_the_format_that_was_chosen(
    saver: AnswerSaver,
    qtbot: QtBot,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    chosen: str,
    name: str,
) -> None:
    asked: list[Any] = []

    def dialog(*args: Any) -> tuple[str, str]:
        asked.append(args)
        return str(tmp_path / typed), chosen

    monkeypatch.setattr(QFileDialog, "getSaveFileName", dialog)
    assert saved(saver, BOXES, qtbot).name == name
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert asked[0][2] == "cat-answer.json"
    assert "Drawn over the picture (PNG) (*.png)" in asked[0][3]


def test_a_name_that_nobody_was_asked_about_replaces_nothing(
    saver: AnswerSaver, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.csv").write_text("mine", "utf-8")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "a.json"), "Table (CSV) (*.csv)"))
    assert saved(saver, BOXES, qtbot).name == "a-2.csv"
    assert (tmp_path / "a.csv").read_text("utf-8") == "mine"


def test_several_masks_are_several_files(
    saver: AnswerSaver, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "a.png"), "Picture (PNG) (*.png)")
    )
    assert saved(saver, MASKS, qtbot) == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a-1-a.png", "a-2-b.png"]
    assert saver.said == [(f"Saved 2 files in {tmp_path}", "info")]  # type: ignore[attr-defined]


def test_a_dialog_that_is_closed_saves_nothing(
    saver: AnswerSaver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: ("", ""))
    saver.ask(BOXES, [BOXES], dict, saver._widget)
    assert list(tmp_path.iterdir()) == []
