"""This machine, as far as speed depends on it: nothing here names its user or the machine itself."""

from __future__ import annotations

import os
import platform
import re
from functools import cache
from pathlib import Path

import psutil

from workbench.receipts.receipt import Machine

__all__ = ["this_machine"]

# Of a processor's features those that matter for how fast int8, fp16 and bf16 are computed, as Linux names them.
FEATURES = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16", "f16c")
ARM_FEATURES = ("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve")
CPUINFO = Path("/proc/cpuinfo")
NVIDIA = Path("/proc/driver/nvidia/gpus")


@cache
def this_machine() -> Machine:
    """What can be known at once, without asking a driver."""
    processor, features = _processor()
    return Machine(
        system=f"{platform.system()} {platform.machine()}",
        processor=processor,
        cores=psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        memory_bytes=psutil.virtual_memory().total,
        features=features,
        gpu=_gpu(),
    )


def _processor() -> tuple[str, tuple[str, ...]]:
    try:
        text = CPUINFO.read_text("utf-8", "replace")
    except OSError:
        return platform.processor() or platform.machine(), ()
    name = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    flags = re.search(r"^(?:flags|Features)\s*:\s*(.+)$", text, re.MULTILINE)
    there = set(flags[1].split()) if flags else set()
    features = tuple(item for item in (*FEATURES, *ARM_FEATURES) if item in there)
    return " ".join(name[1].split()) if name else platform.machine(), features


def _gpu() -> str:
    """The names of NVIDIA's GPUs, as its driver tells them in /proc; empty where it does not."""
    names = []
    try:
        for folder in sorted(NVIDIA.iterdir()):
            model = re.search(r"^Model:\s*(.+)$", (folder / "information").read_text("utf-8"), re.MULTILINE)
            names.append(model[1].strip() if model else "NVIDIA")
    except OSError:
        return ""
    return ", ".join(names)
