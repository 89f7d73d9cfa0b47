"""The window as a user has it: drop, paste, type, run, stop, switch, close. The engine and the model are real."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from PySide6.QtCore import QEvent, QMimeData, QObject, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtWidgets import QApplication, QFileDialog, QMenu, QMessageBox, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from tests.cli.conftest import TINY
from tests.engine.tiny import expected, tiny_model
from tests.gui.conftest import Open
from workbench.gui.main_window import MainWindow
from workbench.gui.widgets.basic import Label
from workbench.results import Labels

LEFT = Qt.MouseButton.LeftButton
# What Qt makes inside of its own widgets.
PARTS = {"QComboBoxListView", "QToolButton", "QLineEditIconButton"}


def drop(window: MainWindow, mime: QMimeData) -> None:
    """A real drag that enters the window and lets go over it."""
    place = QPoint(600, 300)
    enter = QDragEnterEvent(place, Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, enter)
    assert enter.isAccepted()
    let_go = QDropEvent(QPointF(place), Qt.DropAction.CopyAction, mime, LEFT, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(window, let_go)


def files(*paths: Path) -> QMimeData:
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    return mime


def answers(window: MainWindow) -> list[Labels]:
    return [item.result for item in window.run_page.result.answers() if isinstance(item.result, Labels)]


def ran(window: MainWindow, qtbot: QtBot) -> None:
    """Wait until the run has ended."""
    qtbot.waitUntil(lambda: not window.run_page.runs.running, timeout=30_000)


def score(labels: Labels, name: str) -> float:
    return next(item.score for item in labels.labels if item.label == name)


def test_the_model_that_runs_is_chosen_by_itself(window: MainWindow) -> None:
    assert window.pages.currentWidget() is window.run_page
    assert window.run_page.entry is not None
    assert window.run_page.entry.name == TINY
    assert not window.run_page.input.run.isEnabled()


class Windows(QObject):
    """Notes what comes up as a window of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[QWidget] = []

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Show and isinstance(watched, QWidget) and watched.isWindow():
            self.seen.append(watched)
        return False


def test_making_pages_shows_no_other_window(
    open_window: Open, tiny_repo: Path, qapp: QApplication, qtbot: QtBot
) -> None:
    windows = Windows()
    qapp.installEventFilter(windows)
    window = open_window()
    assert window.beside.receipt
    assert window.beside.machine
    qapp.removeEventFilter(windows)
    assert windows.seen == [window]


def test_who_asks_early_has_the_pages_at_once(open_window: Open, tiny_repo: Path, qtbot: QtBot) -> None:
    window = open_window(begin=False)
    assert not window.has_pages
    said = QMimeData()
    said.setText("good")
    drop(window, said)  # kept until a model is there
    assert not window.has_pages
    window.library.refresh()
    qtbot.waitUntil(lambda: window.sidebar.selected is not None)
    assert window.run_page.entry is not None  # what was chosen before is shown as soon as there is a page for it
    assert window.pages.currentWidget() is window.run_page
    assert window.run_page.entry.name == TINY
    ran(window, qtbot)
    assert len(answers(window)) == 1


def test_type_and_run_by_the_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    editor = window.run_page.input.editor
    qtbot.keyClicks(editor, "good fine")
    qtbot.keyClick(editor, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    ran(window, qtbot)
    (labels,) = answers(window)
    assert score(labels, "positive") == pytest.approx(expected("good fine")["positive"], abs=1e-5)
    assert window.run_page.result.where.isVisible()
    assert "CPU" in window.run_page.result.where.accessibleName()
    assert "fp32" in window.run_page.result.where.accessibleName()
    # Tab goes on from the buttons through the answer, which was made last, to what stands below it.
    result, on_the_way = window.run_page.result, []
    step = result.save.nextInFocusChain()
    while step is not result.where.details and len(on_the_way) < 1000:
        on_the_way.append(step)
        step = step.nextInFocusChain()
    assert result.view is not None
    assert any(result.view.isAncestorOf(part) for part in on_the_way)


def test_each_line_by_itself(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.run_page.input
    panel.set_text("good\n\nbad\n")
    panel.each_line.setChecked(True)
    qtbot.mouseClick(panel.run, LEFT)
    ran(window, qtbot)
    assert [labels.labels[0].label for labels in answers(window)] == ["positive", "negative"]
    assert window.run_page.result.list.isVisible()


def test_a_dropped_text_file_is_answered(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("bad bad", "utf-8")
    drop(window, files(tmp_path / "a.txt"))
    qtbot.waitUntil(lambda: len(answers(window)) == 1, timeout=30_000)
    assert window.run_page.input.editor.toPlainText() == "bad bad"
    assert answers(window)[0].labels[0].label == "negative"


def test_many_dropped_files_are_answered_in_their_order(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(30):
        (folder / f"{number:02}.txt").write_text("good" if number % 2 else "bad", "utf-8")
    drop(window, files(folder))
    qtbot.waitUntil(lambda: len(answers(window)) == 30, timeout=30_000)
    ran(window, qtbot)
    assert [labels.labels[0].label for labels in answers(window)] == ["negative", "positive"] * 15
    rows = window.run_page.result.list.model()
    assert rows.data(rows.index(1, 0)).startswith("01.txt — positive")


def test_a_dropped_text_is_taken_and_pasted_too(window: MainWindow, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setText("fine")
    drop(window, mime)
    assert window.run_page.input.editor.toPlainText() == "fine"
    QGuiApplication.clipboard().setText(" slow")
    window.sidebar.list.setFocus()
    qtbot.keyClick(window, Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert window.run_page.input.editor.toPlainText() == "fine slow"


def test_a_pasted_picture_without_a_model_for_it_is_kept_and_said(window: MainWindow, qtbot: QtBot) -> None:
    image = QImage(8, 8, QImage.Format.Format_RGB32)
    image.fill(Qt.GlobalColor.red)
    QGuiApplication.clipboard().setImage(image)
    window.paste()
    qtbot.waitUntil(lambda: window.banner.isVisible(), timeout=10_000)
    assert "pictures" in window.banner.text
    assert window.sidebar.rows.count == 0
    pasted = list((Path(os.environ["WORKBENCH_DATA_DIR"]) / "pasted").iterdir())
    assert [QImage(str(path)).pixelColor(3, 3).red() for path in pasted] == [255]


def test_an_address_of_the_net_is_not_fetched(window: MainWindow) -> None:
    mime = QMimeData()
    mime.setUrls([QUrl("https://example.org/a.png")])
    drop(window, mime)
    assert "nothing is downloaded" in window.banner.text


def test_rubbish_is_named_as_such(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(bytes(100))
    drop(window, files(tmp_path / "x.bin"))
    qtbot.waitUntil(lambda: window.banner.isVisible())
    assert "No text, picture or sound" in window.banner.text
    (tmp_path / "a.txt").write_text("bad bad", "utf-8")
    drop(window, files(tmp_path / "a.txt"))
    qtbot.waitUntil(lambda: len(answers(window)) == 1, timeout=30_000)
    assert not window.banner.isVisible()  # it was about what was given before


def test_a_run_can_be_stopped(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.run_page.input
    panel.set_text("slow")  # hours of work
    with qtbot.waitSignal(window.run_page.runs.loaded, timeout=30_000):
        qtbot.mouseClick(panel.run, LEFT)
    assert panel.run.text() == "Stop"
    qtbot.mouseClick(panel.run, LEFT)
    qtbot.waitUntil(lambda: not window.run_page.runs.running, timeout=5_000)
    assert panel.run.text() == "Run"
    assert window.run_page.result.banner.text == "Stopped."


def test_a_killed_engine_is_told_and_the_next_run_works(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.run_page.input
    qtbot.waitUntil(lambda: window.engine_pid() is not None, timeout=20_000)
    engine = psutil.Process(window.engine_pid())
    before_s = engine.cpu_times().user
    panel.set_text("slow")
    qtbot.mouseClick(panel.run, LEFT)
    # It has loaded the model and turns on the spot.
    qtbot.waitUntil(lambda: engine.cpu_times().user > before_s + 1, timeout=30_000)
    engine.send_signal(signal.SIGKILL)
    ran(window, qtbot)
    assert "The engine stopped while running" in window.run_page.result.banner.text
    panel.set_text("good")
    qtbot.mouseClick(panel.run, LEFT)
    ran(window, qtbot)
    assert answers(window)[0].labels[0].label == "positive"


def test_one_bad_input_spoils_no_other(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("good", "utf-8")
    (tmp_path / "b.txt").write_text(" \n", "utf-8")
    drop(window, files(tmp_path / "a.txt", tmp_path / "b.txt"))
    result = window.run_page.result
    qtbot.waitUntil(lambda: len(result.answers()) == 2, timeout=30_000)
    ran(window, qtbot)
    assert [item.error is None for item in result.answers()] == [True, False]
    assert "1 of 2 inputs" in result.banner.text
    assert answers(window)[0].labels[0].label == "positive"


def test_options_reach_the_model(window: MainWindow, qtbot: QtBot) -> None:
    panel = window.run_page.input
    panel.set_text("good")
    spin = next(field for field in panel.params.fields() if field.accessibleName() == "How many of the best")
    spin.setValue(1)  # type: ignore[attr-defined]
    qtbot.mouseClick(panel.run, LEFT)
    ran(window, qtbot)
    assert [len(labels.labels) for labels in answers(window)] == [1]


class Menus:
    """Makes the menu without opening it, and chooses in it."""

    def __init__(self, make: Callable[..., QMenu]) -> None:
        self._make = make

    def __call__(self, *args: object) -> QMenu:
        menu = self._make(*args)
        self._actions = {action.text(): action for action in menu.actions() if action.text()}
        self._kept = menu
        return _Closed(menu)  # type: ignore[return-value]

    @property
    def texts(self) -> list[str]:
        return list(self._actions)

    def choose(self, text: str) -> None:
        self._actions[text].trigger()


class _Closed:
    def __init__(self, menu: QMenu) -> None:
        self._menu = menu

    def exec(self, place: object) -> None:
        assert self._menu.actions()

    def deleteLater(self) -> None:
        """The test still chooses in it."""


def test_views_are_made_ready_for_the_models_that_are(window: MainWindow, qtbot: QtBot) -> None:
    def made() -> set[str]:
        return {type(view).__name__ for view in window.run_page.result.made}

    qtbot.waitUntil(lambda: made() == {"LabelsView"})  # of the text classifier, the only model


def test_json_copy_and_save(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    result = window.run_page.result
    window.run_page.input.set_text("good")
    qtbot.mouseClick(window.run_page.input.run, LEFT)
    ran(window, qtbot)
    qtbot.mouseClick(result.copy, LEFT)
    assert "positive" in QGuiApplication.clipboard().text()
    result.show_json(True)
    qtbot.mouseClick(result.copy, LEFT)
    qtbot.waitUntil(lambda: QGuiApplication.clipboard().text().startswith("["))
    shown = json.loads(QGuiApplication.clipboard().text())
    assert shown[0]["label"] == "positive"
    with qtbot.waitSignal(result.saver.saved):
        result.save_report_to(tmp_path / "a.json")
    saved = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert saved["results"][0]["result"] == shown
    assert saved["providers"] == {"asked": "auto", "got": ["cpu"]}
    result.save_report_to(tmp_path / "there is no folder" / "a.json")
    qtbot.waitUntil(lambda: "cannot be written" in result.banner.text)


def test_the_answer_that_is_chosen_is_the_one_that_is_taken_along(
    window: MainWindow, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, result = window.run_page.input, window.run_page.result
    panel.set_text("good\nbad")
    panel.each_line.setChecked(True)
    qtbot.mouseClick(panel.run, LEFT)
    ran(window, qtbot)
    result.show_json(True)
    result.list.setCurrentIndex(result.list.model().index(1, 0))
    monkeypatch.setattr(result.saver, "menu", ask := Menus(result.saver.menu))
    qtbot.mouseClick(result.save, LEFT)
    this, whole, *folders = ask.texts
    assert (this, whole) == ("This answer…", "All answers as one JSON file…")
    assert folders == [f"All into a folder: {title}…" for title in ("JSON", "Table (CSV)", "Text")]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args: (str(tmp_path / "a"), "Text (*.txt)"))
    with qtbot.waitSignal(result.saver.saved):
        ask.choose("This answer…")
    assert (tmp_path / "a.txt").read_text("utf-8").startswith("negative")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *args: str(tmp_path / "all"))
    with qtbot.waitSignal(result.saver.saved):
        ask.choose("All into a folder: Table (CSV)…")
    assert sorted(path.name for path in (tmp_path / "all").iterdir()) == ["bad.csv", "good.csv"]
    assert result.banner.text == f"Saved 2 files in {tmp_path / 'all'}"


def test_a_run_that_is_left_tells_nothing_under_the_next_model(
    open_window: Open, qtbot: QtBot, tiny_repo: Path, hub_cache: Path
) -> None:
    tiny_model(hub_cache / "models--someone--other" / "snapshots" / ("e" * 40))
    window = open_window()
    window.sidebar.select(TINY)
    window.run_page.input.set_text("slow")
    with qtbot.waitSignal(window.run_page.runs.loaded, timeout=30_000):
        qtbot.mouseClick(window.run_page.input.run, LEFT)
    window.sidebar.select("someone/other")
    assert window.run_page.entry is not None
    assert window.run_page.entry.name == "someone/other"
    assert window.run_page.input.run.text() == "Run"
    window.run_page.input.set_text("bad")
    qtbot.mouseClick(window.run_page.input.run, LEFT)
    ran(window, qtbot)
    assert [labels.labels[0].label for labels in answers(window)] == ["negative"]
    assert window.run_page.result.banner.text == ""


def test_a_precision_is_chosen_for_one_model_alone(
    open_window: Open, qtbot: QtBot, tiny_repo: Path, hub_cache: Path
) -> None:
    snapshot = hub_cache / "models--someone--two" / "snapshots" / ("d" * 40)
    tiny_model(snapshot)
    shutil.copy(snapshot / "onnx" / "model.onnx", snapshot / "onnx" / "model_int8.onnx")
    window = open_window()
    precision = window.run_page.precision
    window.sidebar.select(TINY)
    assert precision.currentText() == "fp32"
    window.sidebar.select("someone/two")
    assert precision.currentData() is None
    precision.setCurrentIndex(precision.findData("int8"))
    precision.activated.emit(precision.currentIndex())
    window.sidebar.select(TINY)
    window.sidebar.select("someone/two")
    assert precision.currentData() == "int8"


def test_pasting_into_a_text_adds_to_it_and_can_be_undone(window: MainWindow, qtbot: QtBot) -> None:
    editor = window.run_page.input.editor
    qtbot.keyClicks(editor, "good ")
    QGuiApplication.clipboard().setText("fine")
    window.paste()
    assert editor.toPlainText() == "good fine"
    window.run_page.input.set_text("bad")
    editor.undo()
    assert editor.toPlainText() == "good fine"


def test_a_long_text_is_not_laid_out(window: MainWindow, qtbot: QtBot) -> None:
    mime = QMimeData()
    mime.setText("good " * 100_000)
    drop(window, mime)
    assert window.run_page.input.editor.toPlainText() == ""
    assert [item.name for item in window.run_page.input.items] == ["Pasted text"]


def test_what_waits_for_a_model_is_kept_while_another_works(window: MainWindow, qtbot: QtBot, tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "a.txt").write_text("good", "utf-8")
    drop(window, files(tmp_path / "a.png"))
    qtbot.waitUntil(lambda: window.router.waits)
    window.sidebar.want(None)
    drop(window, files(tmp_path / "a.txt"))
    qtbot.waitUntil(lambda: len(answers(window)) == 1, timeout=30_000)
    assert window.router.waits


def test_language_and_theme_switch_while_it_is_open(window: MainWindow, qtbot: QtBot) -> None:
    window.run_page.input.set_text("good")
    qtbot.mouseClick(window.run_page.input.run, LEFT)
    ran(window, qtbot)
    appearance = window.appearance
    appearance.set_language("zh_CN")
    qtbot.waitUntil(lambda: window.run_page.input.run.text() == "运行")
    assert "可以运行" in window.sidebar.rows.data(window.sidebar.rows.index(0))
    assert "运行" in window.run_page.result.where.accessibleName()
    assert window.run_page.input.editor.toPlainText() == "good"
    assert answers(window)
    appearance.set_theme("dark")
    qtbot.waitUntil(lambda: window.palette().window().color().lightness() < 60)
    kept = Path(os.environ["WORKBENCH_DATA_DIR"]) / "settings.json"
    wanted = {"theme": "dark", "language": "zh_CN"}
    qtbot.waitUntil(lambda: kept.exists() and json.loads(kept.read_text("utf-8")) == wanted)
    appearance.set_language("en")
    qtbot.waitUntil(lambda: window.run_page.input.run.text() == "Run")


def test_search_filters_and_enter_chooses(window: MainWindow, qtbot: QtBot) -> None:
    sidebar = window.sidebar
    qtbot.keyClicks(sidebar.search, "nothing like it")
    assert sidebar.rows.count == 0
    sidebar.search.clear()
    qtbot.keyClicks(sidebar.search, "TINY text fp32")
    assert sidebar.rows.count == 1
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Return)
    assert sidebar.list.hasFocus()
    sidebar.search.setFocus()
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Down)
    assert sidebar.list.hasFocus()
    sidebar.search.setFocus()
    qtbot.keyClick(sidebar.search, Qt.Key.Key_Escape)
    assert sidebar.search.text() == ""
    assert sidebar.search.hasFocus()
    sidebar.search.setText("文本分类")
    assert sidebar.rows.count == 0
    window.appearance.set_language("zh_CN")
    qtbot.waitUntil(lambda: sidebar.rows.count == 1)  # titles of tasks are those of the language
    window.appearance.set_language("en")


def test_every_control_has_a_name_and_can_be_reached_by_the_keyboard(window: MainWindow, qtbot: QtBot) -> None:
    from PySide6.QtWidgets import QAbstractButton, QAbstractItemView, QComboBox, QLineEdit, QPlainTextEdit

    kinds = (QAbstractButton, QComboBox, QLineEdit, QPlainTextEdit, QAbstractItemView)
    unnamed, unreachable = [], []
    for kind in kinds:
        for widget in window.findChildren(kind):
            if not widget.isVisibleTo(window) or widget.objectName().startswith("qt_"):
                continue
            if type(widget).__name__ in PARTS:
                continue
            text = widget.text() if isinstance(widget, QAbstractButton) else ""
            if not (widget.accessibleName() or text):
                unnamed.append(repr(widget))
            if not widget.focusPolicy() & Qt.FocusPolicy.TabFocus:
                unreachable.append(repr(widget))
    assert unnamed == []
    assert unreachable == []


def test_closing_during_a_run_asks_and_then_ends_it(window: MainWindow, qtbot: QtBot) -> None:
    window.run_page.input.set_text("slow")
    with qtbot.waitSignal(window.run_page.runs.loaded, timeout=30_000):
        qtbot.mouseClick(window.run_page.input.run, LEFT)
    asked = []

    def answer(text: str) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        asked.append(box.text())
        next(button for button in box.buttons() if button.text() == text).click()

    QTimer.singleShot(50, lambda: answer("Go on"))
    window.close()
    assert window.isVisible()
    QTimer.singleShot(50, lambda: answer("Stop and close"))
    window.close()
    assert not window.isVisible()
    assert "A model is running" in asked[0]


def test_no_models_at_all_is_said_with_the_places(open_window: Open) -> None:
    window = open_window()
    assert window.pages.currentWidget() is window.welcome
    assert window.sidebar.rows.count == 0
    assert "No models yet" in window.welcome.said()
    assert window.welcome.add.isVisible()
    assert str(Path(os.environ["HF_HOME"]) / "hub") in window.welcome.said()


def test_a_second_start_raises_the_first(window: MainWindow, qtbot: QtBot) -> None:
    from workbench.gui.single import FirstWindow

    first = FirstWindow()
    first.asked.connect(window.come_forward)
    window.showMinimized()
    second = subprocess.Popen([sys.executable, "-m", "workbench"], stderr=subprocess.PIPE)
    with qtbot.waitSignal(first.asked, timeout=20_000):
        pass
    _, said = second.communicate(timeout=20)
    first.close()
    assert second.returncode == 0
    assert b"open already" in said
    assert not window.isMinimized()


def test_whatever_has_a_role_is_in_a_part_that_wears_the_style_sheet(window: MainWindow) -> None:
    parts = set(window.appearance.dressed)

    def wears(widget: QWidget | None) -> bool:
        return widget is not None and (widget in parts or wears(widget.parentWidget()))

    bare = [f"{type(one).__name__} {one.text()!r}" for one in window.findChildren(QPushButton) if not wears(one)]
    bare += [f"Label {one.text()!r}" for one in window.findChildren(Label) if not wears(one)]
    assert bare == []
