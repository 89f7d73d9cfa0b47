"""Code → Simplified Chinese sentence, put together from the tables of :mod:`~workbench.gui.languages.chinese_codes`.

A sentence has the same ``{fields}`` as the English one in :mod:`workbench.messages`, speaks to the user of a window, and
has no full stop: the window adds it. Names of tasks, parameters and choices are those of
:mod:`~workbench.gui.languages.chinese_forms`.
"""

from __future__ import annotations

from workbench.gui.languages.chinese_codes import (
    exports,
    library,
    pictures,
    receipts,
    runtime,
    sounds,
    texts,
    use,
)
from workbench.gui.languages.chinese_forms import CHOICES, FIELDS, PARAM_HELP, PARAMS, TASKS

__all__ = ["CHOICES", "FIELDS", "MESSAGES", "PARAMS", "PARAM_HELP", "TABLES", "TASKS"]

TABLES: tuple[dict[str, str], ...] = tuple(
    area.MESSAGES for area in (use, library, runtime, texts, sounds, pictures, receipts, exports)
)
MESSAGES: dict[str, str] = {code: text for table in TABLES for code, text in table.items()}
