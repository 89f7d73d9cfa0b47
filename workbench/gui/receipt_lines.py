"""The figures of a receipt as lines of plain text."""

from __future__ import annotations

from workbench.errors import error_from_wire
from workbench.gui.language import message_of, tr
from workbench.gui.provider_names import provider_name
from workbench.gui.receipt_words import agreement_number, differing, further, interval, rate, speed_beside_fp32
from workbench.receipts.receipt import Receipt, ReceiptRow
from workbench.units import duration, size

__all__ = ["figures_lines", "speed_parts"]


def figures_lines(receipt: Receipt) -> list[str]:
    """A line for each variant on each provider."""
    return [
        f"{item.precision} · {provider_name(item.provider)}: " + " · ".join(_parts(receipt, item))
        for item in receipt.rows
    ]


def speed_parts(receipt: Receipt, item: ReceiptRow) -> list[str]:
    """What was measured of the speed, each with its name; empty where nothing was."""
    speed = item.speed
    if speed is None:
        return []
    beside = speed_beside_fp32(receipt, item)
    return [
        tr("{rate} a second", rate=rate(speed.throughput_per_s)),
        *([beside] if beside else []),
        tr("{time} each (95% under {slow})", time=duration(speed.median_s), slow=duration(speed.p95_s)),
        tr("memory {size}", size=size(speed.peak_memory_bytes)),
        tr("loads in {time}", time=duration(speed.load_s)),
    ]


def _parts(receipt: Receipt, item: ReceiptRow) -> list[str]:
    if item.error:
        return [size(item.bytes), message_of(error_from_wire(item.error))]
    agreed = item.agreement
    said = [size(item.bytes)]
    if agreed:
        said.append(f"{agreement_number(agreed.metric, agreed.mean)} ({interval(agreed)}), {differing(agreed)}")
        said += further(agreed)
    return said + speed_parts(receipt, item)
