"""Every colour, distance and style rule of the window. Pages and views name roles and carry no style strings."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from string import Template
from typing import cast

from PySide6.QtCore import QEvent, Qt
from PySide6.QtGui import QColor, QFont, QGuiApplication, QPalette
from PySide6.QtWidgets import QApplication, QWidget

from workbench.garbage import no_collections
from workbench.marks import MARKS
from workbench.resources import assets_dir

__all__ = [
    "SPACE",
    "Colors",
    "colors",
    "is_dark",
    "is_theme_change",
    "mark",
    "put_palette",
    "scaled_font",
    "style_sheet",
]


@dataclass(frozen=True)
class Space:
    """Distances in device-independent pixels."""

    hair: int = 2
    tight: int = 4
    small: int = 8
    medium: int = 12
    large: int = 16
    wide: int = 24


SPACE = Space()


@dataclass(frozen=True)
class Colors:
    """Roles and their colours as ``#rrggbb``. Text on its ground has a contrast of at least 4.5 : 1 (a test counts)."""

    window: str
    sidebar: str
    surface: str
    raised: str
    border: str
    border_strong: str
    text: str
    muted: str
    accent: str
    on_accent: str
    accent_soft: str
    success: str
    warning: str
    warning_soft: str
    danger: str
    danger_soft: str
    selection: str
    # Grounds for labelled stretches of text, told apart by hue; ``text`` is readable on each.
    hues: tuple[str, ...]
    # What is drawn over pictures, which have any colours: the same in both themes.
    marks: tuple[str, ...] = MARKS


LIGHT = Colors(
    window="#f7f7f5",
    sidebar="#efefec",
    surface="#ffffff",
    raised="#f3f3f0",
    border="#dededa",
    border_strong="#8d929a",
    text="#1d2126",
    muted="#5a616b",
    accent="#3560d4",
    on_accent="#ffffff",
    accent_soft="#e4eafb",
    success="#1a6e45",
    warning="#7d5200",
    warning_soft="#fbf1da",
    danger="#ad2118",
    danger_soft="#fbe6e4",
    selection="#dfe6f8",
    hues=("#d6e4ff", "#d3f0dd", "#fde3c8", "#ecdcfb", "#fbd9e3", "#cfeef0", "#f3ecc0", "#e3e3df"),
)
DARK = Colors(
    window="#1c1e22",
    sidebar="#17191c",
    surface="#24272c",
    raised="#2c3036",
    border="#373b42",
    border_strong="#767d88",
    text="#e7e9ec",
    muted="#a5abb5",
    accent="#86a7f9",
    on_accent="#14171d",
    accent_soft="#2b3650",
    success="#6fcf9f",
    warning="#e3b860",
    warning_soft="#3a3222",
    danger="#f4938a",
    danger_soft="#42292a",
    selection="#303b54",
    hues=("#2c4270", "#23503a", "#5a4024", "#47346a", "#5c2f43", "#1f4f55", "#4f4720", "#43464c"),
)

# Dynamic properties that the style sheet below knows; :func:`mark` sets them.
STYLE = Template("""
QDialog, QWidget[role="page"] { background: $window; }
QWidget[role="sidebar"] { background: $sidebar; }
QWidget[role="card"] { background: $surface; border: 1px solid $border; border-radius: 10px; }
QWidget[role="drop"] { background: $surface; border: 2px dashed $border; border-radius: 10px; }
QWidget[role="drop"][active="true"] { border-color: $accent; background: $accent_soft; }
QWidget[role="notice"] { background: $raised; border: 1px solid $border; border-radius: 8px; }
QWidget[role="notice"][tone="warning"] { background: $warning_soft; border-color: $warning_soft; }
QWidget[role="notice"][tone="danger"] { background: $danger_soft; border-color: $danger_soft; }
QWidget[role="bubble"] { background: $accent_soft; border-radius: 14px; }
QWidget[role="code"] { background: $raised; border: 1px solid $border; border-radius: 8px; }
QWidget[role="drawer"] { background: $sidebar; }
QWidget[role="line"] { background: $border; }
QScrollArea, QScrollArea > QWidget > QWidget[role="plain"] { background: transparent; border: none; }

QLabel { background: transparent; }
QLabel[tone="muted"] { color: $muted; }
QLabel[tone="danger"] { color: $danger; }
QLabel[tone="success"] { color: $success; }
QLabel[tone="warning"] { color: $warning; }
QLabel[tone="accent"] { color: $accent; }
QLabel[role="title"] { font-size: ${title_pt}pt; font-weight: 600; }
QLabel[role="heading"] { font-weight: 600; }
QLabel[role="headline"] { font-weight: 600; min-height: ${row_px}px; }
QLabel[role="small"] { font-size: ${small_pt}pt; }

QPushButton { background: $surface; color: $text; border: 1px solid $border; border-radius: 7px;
    padding: 5px 13px; min-height: ${control_px}px; }
QPushButton:hover { background: $raised; border-color: $border_strong; }
QPushButton:pressed { background: $border; }
QPushButton:focus { border: 2px solid $accent; padding: 4px 12px; }
QPushButton:disabled { color: $border_strong; background: $window; }
QPushButton:checked { background: $accent_soft; border-color: $accent; }
QPushButton[role="primary"] { background: $accent; color: $on_accent; border-color: $accent; font-weight: 600; }
QPushButton[role="primary"]:hover { background: $accent_hover; }
QPushButton[role="primary"]:pressed { background: $accent; }
QPushButton[role="primary"]:focus { border: 2px solid $text; }
QPushButton[role="primary"]:disabled { background: $border; color: $muted; border-color: $border; }
QPushButton[role="primary"][tall="true"] { padding: 10px 15px; }
QPushButton[role="primary"][tall="true"]:focus { padding: 9px 14px; }
QPushButton[role="danger"] { color: $danger; }
QPushButton[role="quiet"] { background: transparent; border-color: transparent; padding: 5px 8px; }
QPushButton[role="quiet"]:hover { background: $raised; }
QPushButton[role="quiet"]:checked { background: $accent_soft; }
QPushButton[role="quiet"]:focus { border: 2px solid $accent; padding: 4px 7px; }
QPushButton[role="link"] { background: transparent; border: 1px solid transparent; color: $accent; padding: 2px 3px;
    min-height: 0; text-align: left; }
QPushButton[role="link"]:hover { text-decoration: underline; }
QPushButton[role="link"]:focus { border: 1px solid $accent; }
QPushButton[role="chip"] { background: $accent_soft; border-color: $accent_soft; color: $text; padding: 2px 10px;
    text-align: left; }
QPushButton[role="chip"]:hover { border-color: $accent; }
QPushButton[role="chip"]:focus { border: 2px solid $accent; padding: 1px 9px; }
QPushButton[role="bare"] { background: transparent; border: 1px solid transparent; border-radius: 6px; padding: 3px;
    min-height: 18px; max-height: 18px; min-width: 18px; max-width: 18px; }
QPushButton[role="bare"]:hover { background: $raised; }
QPushButton[role="bare"]:focus { border: 1px solid $accent; }
QPushButton[role="round"] { background: $surface; border-color: $border_strong; border-radius: 17px; padding: 7px;
    min-height: 18px; max-height: 18px; min-width: 18px; max-width: 18px; }
QPushButton[role="round"]:focus { border: 2px solid $accent; padding: 6px; }
QPushButton[role="segment"] { background: transparent; border-color: transparent; padding: 5px 10px; }
QPushButton[role="segment"]:hover { background: $raised; }
QPushButton[role="segment"]:checked { background: $accent_soft; }
QPushButton[role="segment"]:focus { border: 2px solid $accent; padding: 4px 9px; }
QPushButton[role="record"] { padding: 5px 16px; }
QPushButton[role="record"][active="true"] { background: $danger; color: $surface; border-color: $danger; }
QPushButton::menu-indicator { image: none; width: 0; }

QLineEdit, QPlainTextEdit, QTextEdit, QSpinBox, QDoubleSpinBox, QComboBox { background: $surface; color: $text;
    border: 1px solid $border; border-radius: 7px; padding: 5px 8px; selection-background-color: $accent;
    selection-color: $on_accent; }
QLineEdit, QSpinBox, QDoubleSpinBox, QComboBox { min-height: ${control_px}px; }
QLineEdit:hover, QPlainTextEdit:hover, QComboBox:hover, QSpinBox:hover, QDoubleSpinBox:hover {
    border-color: $border_strong; }
QLineEdit:focus, QPlainTextEdit:focus, QTextEdit:focus, QComboBox:focus, QSpinBox:focus, QDoubleSpinBox:focus {
    border: 2px solid $accent; padding: 4px 7px; }
QComboBox:disabled, QLineEdit:disabled { color: $muted; background: $window; }
QAbstractSpinBox QLineEdit { border: none; background: transparent; padding: 0; min-height: 0; }
QAbstractSpinBox { padding-right: 24px; }
QAbstractSpinBox::up-button, QAbstractSpinBox::down-button { subcontrol-origin: border; border: none;
    background: transparent; width: 22px; }
QAbstractSpinBox::up-button { subcontrol-position: top right; }
QAbstractSpinBox::down-button { subcontrol-position: bottom right; }
QAbstractSpinBox::up-arrow { image: url("$icons/chevron-up-$name.svg"); width: 12px; height: 12px; }
QAbstractSpinBox::down-arrow { image: url("$icons/chevron-down-$name.svg"); width: 12px; height: 12px; }
QComboBox::drop-down { border: none; width: 22px; }
QComboBox::down-arrow { image: url("$icons/chevron-down-$name.svg"); width: 14px; height: 14px; }
QComboBox QAbstractItemView { background: $surface; color: $text; border: 1px solid $border; padding: 4px;
    selection-background-color: $selection; selection-color: $text; outline: none; }
QPlainTextEdit[role="log"] { font-family: monospace; font-size: ${small_pt}pt; background: $raised; }
QPlainTextEdit[role="lines"] { font-family: monospace; border: 1px solid transparent; border-radius: 7px;
    background: transparent; padding: 0; }
QPlainTextEdit[role="lines"]:focus { border: 1px solid $accent; padding: 0; }
QAbstractScrollArea[role="thread"] { border: 1px solid transparent; background: transparent; }
QAbstractScrollArea[role="thread"]:focus { border: 1px solid $accent; }
QPlainTextEdit[role="bare"], QTextEdit[role="bare"] { border: none; background: transparent; padding: 0; }
QPlainTextEdit[role="bare"]:focus, QTextEdit[role="bare"]:focus { border: none; padding: 0; }
QAbstractScrollArea[role="reading"] { border: 1px solid transparent; border-radius: 7px; background: transparent;
    padding: 0; }
QAbstractScrollArea[role="reading"]:focus { border: 1px solid $accent; padding: 0; }

QCheckBox { spacing: 8px; background: transparent; min-height: 18px; }
QCheckBox::indicator { width: 16px; height: 16px; border: 1px solid $border_strong; border-radius: 4px;
    background: $surface; }
QCheckBox::indicator:checked { background: $accent; border-color: $accent; image: url("$icons/check-$name.svg"); }
QCheckBox::indicator:focus { border: 2px solid $accent; width: 14px; height: 14px; }
QCheckBox::indicator:checked:focus { border: 2px solid $text; width: 14px; height: 14px; }
QCheckBox::indicator:disabled { background: $raised; border-color: $border; }

QSlider { background: transparent; min-height: 22px; }
QSlider::groove:horizontal { height: 4px; border-radius: 2px; background: $border; }
QSlider::sub-page:horizontal { height: 4px; border-radius: 2px; background: $accent; }
QSlider::handle:horizontal { width: 14px; height: 14px; margin: -6px 0; border-radius: 8px; background: $surface;
    border: 1px solid $border_strong; }
QSlider::handle:horizontal:hover { border-color: $accent; }
QSlider::handle:horizontal:focus { border: 2px solid $accent; width: 12px; height: 12px; }
QSlider::handle:horizontal:disabled { background: $raised; }

QListView { background: transparent; border: 1px solid transparent; outline: none; border-radius: 7px; }
QListView:focus { border: 1px solid $accent; }
QListView[role="rows"]::item { padding: 4px; border-radius: 5px; }
QListView[role="rows"]::item:selected { background: $selection; color: $text; }
QTableView { background: $surface; border: none; gridline-color: $border; }

QProgressBar { background: $border; border: none; border-radius: 3px; max-height: 6px; min-height: 6px; }
QProgressBar::chunk { background: $accent; border-radius: 3px; }

QScrollBar:vertical { background: transparent; width: 12px; margin: 0; }
QScrollBar::handle:vertical { background: $border_strong; min-height: 32px; }
QScrollBar:horizontal { background: transparent; height: 12px; margin: 0; }
QScrollBar::handle:horizontal { background: $border_strong; min-width: 32px; }
QScrollBar::handle { margin: 3px; border-radius: 3px; }
QScrollBar::add-line, QScrollBar::sub-line, QScrollBar::add-page, QScrollBar::sub-page {
    background: none; border: none; width: 0; height: 0; }
QAbstractScrollArea::corner { background: transparent; border: none; }

QMenu { background: $surface; border: 1px solid $border; border-radius: 8px; padding: 5px; }
QMenu::item { padding: 6px 26px 6px 12px; border-radius: 5px; background: transparent; }
QMenu::item:selected { background: $selection; color: $text; }
QMenu::item:disabled { color: $muted; }
QMenu::separator { height: 1px; background: $border; margin: 5px 8px; }
QToolTip { background: $text; color: $surface; border: none; padding: 5px 8px; }
""")


def colors() -> Colors:
    """Those of the theme in force."""
    return DARK if is_dark() else LIGHT


def is_dark() -> bool:
    return QGuiApplication.palette().color(QPalette.ColorRole.Window).lightness() < 128


def put_palette(app: QApplication, *, dark: bool) -> None:
    """Put a theme into force, all but its style sheet. Widgets hear of it by a change event."""
    _base_size(app)
    # Qt goes through a list of all widgets and calls Python for each: one that a collection deletes meanwhile would be
    # a dangling pointer in that list.
    with no_collections():
        app.setPalette(_palette(DARK if dark else LIGHT))


def style_sheet() -> str:
    """The style sheet of the theme in force.

    It belongs on each page, not on the app: there, Qt tells every widget of every change to any other (10,000 events
    for 400 widgets, a quarter of a second).
    """
    return _style_sheet(dark=is_dark(), font_pt=_base_size(cast(QApplication, QApplication.instance())))


def is_theme_change(event: QEvent) -> bool:
    """Whether a change event says that colours differ now; what was tinted must be tinted again."""
    return event.type() in (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)


def mark(widget: QWidget, **properties: object) -> None:
    """Set properties that the style sheet knows (``role``, ``tone``, ``active``), and have them seen."""
    changed = False
    for name, value in properties.items():
        wanted = str(value).lower() if isinstance(value, bool) else value
        if widget.property(name) != wanted:
            widget.setProperty(name, wanted)
            changed = True
    if changed:
        widget.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, True)
        if not widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):  # it is styled when it is shown
            return
        widget.style().unpolish(widget)
        widget.style().polish(widget)
        widget.update()


def scaled_font(font: QFont, factor: float, *, bold: bool = False) -> QFont:
    """The font in another size, for what paints its text itself."""
    scaled = QFont(font)
    scaled.setPointSizeF(font.pointSizeF() * factor)
    if bold:
        scaled.setWeight(QFont.Weight.DemiBold)
    return scaled


def _base_size(app: QApplication) -> float:
    # The system's own size, before our style sheet scales anything by it.
    size = app.property("system_font_pt")
    if size is None:
        size = app.font().pointSizeF()
        app.setProperty("system_font_pt", size)
    return float(size)


@cache
def _style_sheet(*, dark: bool, font_pt: float) -> str:
    chosen = DARK if dark else LIGHT
    values: dict[str, object] = {item.name: getattr(chosen, item.name) for item in fields(chosen)}
    hover = QColor(chosen.accent).lighter(112 if dark else 115).name()
    return STYLE.substitute(
        values,
        accent_hover=hover,
        name="dark" if dark else "light",
        icons=(assets_dir() / "icons").as_posix(),
        title_pt=f"{font_pt * 1.3:g}",
        small_pt=f"{font_pt * 0.9:g}",
        control_px=round(font_pt * 1.9),
        row_px=round(font_pt * 1.9) + 12,  # with the padding and border of a button: a headline beside some
    )


def _palette(chosen: Colors) -> QPalette:
    palette = QPalette()
    role = QPalette.ColorRole
    for roles, colour in (
        ((role.Window,), chosen.window),
        ((role.Base,), chosen.surface),
        ((role.AlternateBase, role.Button, role.Light, role.Midlight), chosen.raised),
        ((role.WindowText, role.Text, role.ButtonText, role.BrightText), chosen.text),
        ((role.ToolTipBase,), chosen.text),
        ((role.ToolTipText,), chosen.surface),
        ((role.PlaceholderText,), chosen.muted),
        ((role.Highlight, role.Accent, role.Link), chosen.accent),
        ((role.HighlightedText,), chosen.on_accent),
        ((role.Mid, role.Dark), chosen.border),
        ((role.Shadow,), chosen.border_strong),
    ):
        for item in roles:
            palette.setColor(item, QColor(colour))
    for item in (role.WindowText, role.Text, role.ButtonText):
        palette.setColor(QPalette.ColorGroup.Disabled, item, QColor(chosen.border_strong))
    return palette
