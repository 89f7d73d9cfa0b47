"""English texts of the window → Simplified Chinese, gathered from the tables of its parts."""

from __future__ import annotations

from workbench.gui.languages import chinese_chat, chinese_export, chinese_receipts, chinese_views, chinese_window

__all__ = ["TEXTS"]

TEXTS: dict[str, str] = {
    **chinese_window.TEXTS,
    **chinese_chat.TEXTS,
    **chinese_export.TEXTS,
    **chinese_receipts.TEXTS,
    **chinese_views.TEXTS,
}
