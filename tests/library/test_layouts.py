"""Folders that did not change are not listed again, and every change is seen."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.library.building import CLASSIFIER, COMMIT, OTHER_COMMIT, Hub, wait_for_a_tick, write_files
from workbench.library import hub as hub_module
from workbench.library import layouts
from workbench.library.layouts import local_devices
from workbench.library.model import Roots
from workbench.library.scanner import scan

MOUNTS = """\
22 1 252:0 / / rw,noatime shared:1 - ext4 /dev/vda rw
23 22 0:5 / /home/a\\040b rw - tmpfs none rw
24 22 0:31 / /mnt/cloud rw shared:2 master:3 - fuse.rclone cloud: rw
25 22 8:17 / /media/usb rw - exfat /dev/sdb1 rw
26 22 0:44 / /net rw - nfs4 server:/ rw
odd line
27 22 x:y / /odd rw - ext4 /dev/x rw
"""


class Cache:
    """A cache with one model, listed with an index; counts the folders of repositories that are listed."""

    def __init__(self, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
        self.hub = hub
        self.repo = hub.repo("org/model")
        self.snapshot = hub.add("org/model", {**CLASSIFIER, "onnx/model.onnx": "graph"}, refs=("main", "refs/pr/1"))
        self.blob = (self.snapshot / "tokenizer.json").resolve()
        (self.repo / "blobs" / "x.incomplete").write_bytes(b"x")
        self.index = hub.root.parent / "index.json"
        self.listed: list[str] = []
        real = os.scandir

        def counted(path: str) -> Any:
            if str(path).startswith(str(self.repo)):
                self.listed.append(path)
            return real(path)

        monkeypatch.setattr(hub_module.os, "scandir", counted)
        wait_for_a_tick(hub.root.parent)

    def scan(self, *, index: bool = True) -> dict[str, Any]:
        """The listing without times of use; afterwards the clock has gone on."""
        self.listed.clear()
        found = scan(Roots(hub_caches=(self.hub.root,), index=self.index if index else None)).to_json()
        wait_for_a_tick(self.hub.root.parent)
        for model in found["models"]:
            del model["last_used"]
        return found


@pytest.fixture
def remembered(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Cache:
    monkeypatch.setattr(layouts, "TICK_S", -1e9)  # what was written just now is remembered as well
    monkeypatch.setattr(layouts, "local_devices", lambda: frozenset({hub.root.stat().st_dev}))
    return Cache(hub, monkeypatch)


def test_what_did_not_change_is_not_listed_again(remembered: Cache) -> None:
    first = remembered.scan()
    assert len(remembered.listed) > 5
    second = remembered.scan()
    assert remembered.listed == []
    assert first == second == remembered.scan(index=False)
    assert second["models"][0]["leftover_bytes"] == 1
    assert second["models"][0]["refs"] == ["main", "refs/pr/1"]


def test_files_in_the_place_of_links(hub: Hub, remembered: Cache) -> None:
    hub.add("org/other", links=False)
    first = remembered.scan()
    assert remembered.scan() == first
    remembered.scan()
    assert remembered.listed == []


def write(path: Path, text: str) -> None:
    path.write_text(text)


def overwrite(path: Path) -> None:
    path.write_bytes(b"x" * path.stat().st_size)


def relink(path: Path, target: Path | str) -> None:
    path.unlink()
    path.symlink_to(target)


def swap(path: Path, cache: Cache) -> None:
    """Put a link in the place of a folder, to where that is now."""
    moved = cache.hub.root.parent / "moved"
    path.rename(moved)
    path.symlink_to(moved)


CHANGES: dict[str, Callable[[Cache], object]] = {
    "a new file": lambda c: write(c.snapshot / "new.txt", "x"),
    "a new file in a folder": lambda c: write(c.snapshot / "onnx" / "model_q4.onnx", "x"),
    "a new folder": lambda c: write_files(c.snapshot, {"deep/er/x.json": "x"}),
    "a file that is gone": lambda c: (c.snapshot / "tokenizer.json").unlink(),
    "a blob that is gone": lambda c: c.blob.unlink(),
    "a blob that is longer": lambda c: write(c.blob, "{   }"),
    "a blob that is empty": lambda c: write(c.blob, ""),
    "another config of the same length": lambda c: overwrite(c.snapshot / "config.json"),
    "a link to another blob": lambda c: relink(c.snapshot / "tokenizer.json", "../../blobs/x.incomplete"),
    "a link out of the cache": lambda c: relink(c.snapshot / "tokenizer.json", "/etc/hostname"),
    "a blob that leads out of the cache": lambda c: relink(c.blob, "/etc/hostname"),
    "a ref to another commit": lambda c: write(c.repo / "refs" / "main", OTHER_COMMIT),
    "a new ref": lambda c: write(c.repo / "refs" / "refs" / "pr" / "2", COMMIT),
    "a ref that is gone": lambda c: (c.repo / "refs" / "main").unlink(),
    "a new revision": lambda c: c.hub.add("org/model", commit=OTHER_COMMIT, refs=()),
    "a revision of another name": lambda c: c.snapshot.rename(c.snapshot.with_name(OTHER_COMMIT)),
    "a download that goes on": lambda c: write(c.repo / "blobs" / "x.incomplete", "xxxx"),
    "a download that ended": lambda c: (c.repo / "blobs" / "x.incomplete").rename(c.repo / "blobs" / "x"),
    "blobs that are a link": lambda c: swap(c.repo / "blobs", c),
    "snapshots that are a link": lambda c: swap(c.repo / "snapshots", c),
    "a revision that is a link": lambda c: swap(c.snapshot, c),
    "a repository that is a link": lambda c: swap(c.repo, c),
    "a foreign file": lambda c: write(c.repo / "snapshots" / "file", "x"),
    "no blobs": lambda c: (c.repo / "blobs").rename(c.repo / "bobs"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(remembered: Cache, change: str) -> None:
    before = remembered.scan()
    CHANGES[change](remembered)
    wait_for_a_tick(remembered.hub.root.parent)
    fresh = remembered.scan(index=False)
    assert remembered.scan() == fresh
    assert fresh != before
    assert remembered.scan() == fresh


@pytest.mark.parametrize("odd", ["a dangling link", "a ref that is no text", "a link to a link"])
def test_what_is_odd_is_looked_at_each_time(remembered: Cache, odd: str) -> None:
    if odd == "a dangling link":
        remembered.blob.unlink()
    elif odd == "a ref that is no text":
        (remembered.repo / "refs" / "main").write_bytes(b"\xff")
    else:
        (remembered.snapshot / "again.json").symlink_to("tokenizer.json")
    first = remembered.scan()
    assert remembered.scan() == first
    assert remembered.listed


def test_what_changed_a_moment_ago_is_listed_again(remembered: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "TICK_S", 3600)
    remembered.scan()
    remembered.scan()
    assert remembered.listed


def test_on_other_file_systems_folders_are_listed_each_time(remembered: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layouts, "local_devices", frozenset)
    remembered.scan()
    remembered.scan()
    assert remembered.listed


def test_a_cache_that_was_moved_is_listed_anew(remembered: Cache) -> None:
    remembered.scan()
    remembered.hub.root = remembered.hub.root.rename(remembered.hub.root.with_name("elsewhere"))
    (model,) = remembered.scan()["models"]
    assert model["root"] == str(remembered.hub.root)
    assert model["state"] == "ready"


@pytest.mark.skipif(sys.platform != "linux", reason="there is a list of mounts on Linux alone")
def test_devices_of_file_systems_that_keep_the_times_of_folders(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert local_devices(tmp_path / "mounts") == {os.makedev(252, 0), os.makedev(0, 5)}
    assert local_devices(tmp_path / "none") == frozenset()


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_have_no_such_list(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    assert local_devices() == frozenset()
