"""Every task as plain data. Any front may import this."""

from __future__ import annotations

from workbench.errors import UsageError
from workbench.tasks.catalog_audio import AUDIO_TASKS
from workbench.tasks.catalog_text import TEXT_TASKS
from workbench.tasks.catalog_vision import VISION_TASKS
from workbench.tasks.info import Param, TaskInfo, check_needed, check_params

__all__ = ["TASKS", "Param", "TaskInfo", "check_needed", "check_params", "same_graph", "task_info"]

TASKS: dict[str, TaskInfo] = {item.id: item for item in (*TEXT_TASKS, *VISION_TASKS, *AUDIO_TASKS)}


def task_info(task: str) -> TaskInfo:
    """The task of this id. Raises UsageError with the known ones."""
    try:
        return TASKS[task]
    except KeyError:
        raise UsageError("usage-unknown-task", task=task, known=", ".join(TASKS)) from None


def same_graph(task: str, other: str) -> bool:
    """Whether an export made for one task serves the other as well."""
    if task not in TASKS or other not in TASKS or TASKS[task].modality != TASKS[other].modality:
        return False
    exported = {layout.export_task for layout in TASKS[task].layouts}
    return any(layout.export_task in exported for layout in TASKS[other].layouts)
