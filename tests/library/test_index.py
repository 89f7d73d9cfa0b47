"""The index makes a listing fast, and is never believed over the files."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.library.building import CLASSIFIER, LFS_POINTER, Hub, age, card, config, wait_for_a_tick
from workbench.library import index as index_module
from workbench.library import layouts
from workbench.library.hub import RawRepo
from workbench.library.index import Index, pack
from workbench.library.model import Model, Roots
from workbench.library.scanner import scan


class Listing:
    """Lists a cache with an index, and counts how often files had to be read."""

    def __init__(self, hub: Hub, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.roots = Roots(hub_caches=(hub.root,), index=path)
        self.path = path
        self.read = 0
        real = index_module.read_contents

        def counted(*arguments: Any) -> Any:
            self.read += 1
            return real(*arguments)

        monkeypatch.setattr(index_module, "read_contents", counted)

    def __call__(self) -> Model:
        (model,) = scan(self.roots).models
        wait_for_a_tick(self.path.parent)
        return model

    @property
    def entries(self) -> dict[str, list[Any]]:
        return dict(self.document["contents"])

    @property
    def document(self) -> Any:
        return json.loads(self.path.read_text().partition("\n")[2])

    def replace(self, change: Any) -> None:
        """Change what the index remembers of the only revision."""
        document = self.document
        for entry in document["contents"].values():
            entry[1] = change(entry[1]) if callable(change) else change
        self.path.write_text(pack(document))


@pytest.fixture
def snapshot(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(layouts, "TICK_S", -1e9)  # what was written just now is remembered as well
    return hub.add("org/model")


@pytest.fixture
def listed(hub: Hub, snapshot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Listing:
    return Listing(hub, tmp_path / "index.json", monkeypatch)


def without_use(model: Model) -> dict[str, Any]:
    value = model.to_json()
    del value["last_used"]
    return value


def test_files_that_stay_the_same_are_read_once(listed: Listing) -> None:
    first, second = listed(), listed()
    assert listed.read == 1
    assert without_use(first) == without_use(second)


def test_it_is_not_written_without_news(listed: Listing) -> None:
    listed()
    before = listed.path.stat().st_mtime_ns
    listed()
    assert listed.path.stat().st_mtime_ns == before


@pytest.mark.parametrize("same_size", [True, False])
def test_a_changed_file_is_read_again(listed: Listing, snapshot: Path, same_size: bool) -> None:
    assert listed().task == "text-classification"
    text = (snapshot / "README.md").read_text()
    (snapshot / "README.md").write_text(text.replace("text-class", "list-class" if same_size else "word-class"))
    assert listed().task != "text-classification"


def test_a_change_that_hides_its_time_is_seen(listed: Listing, snapshot: Path) -> None:
    listed()
    before = (snapshot / "README.md").stat()
    text = (snapshot / "README.md").read_text()
    (snapshot / "README.md").write_text(text.replace("text-class", "list-class"))
    os.utime(snapshot / "README.md", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert listed().task == "list-classification"


def test_a_file_that_comes_or_goes_is_seen(listed: Listing, snapshot: Path) -> None:
    assert listed().state == "ready"
    (snapshot / "model.safetensors").unlink()
    assert listed().state == "incomplete"
    (snapshot / "config.json").rename(snapshot / "settings.json")
    assert listed().revisions[0].contents.architectures == ()
    assert listed.read == 3


def test_a_file_that_was_damaged_since_is_seen(listed: Listing, snapshot: Path) -> None:
    assert listed().state == "ready"
    (snapshot / "model.safetensors").write_bytes(LFS_POINTER)
    assert listed().state == "damaged"


def test_damage_is_remembered_as_damage(hub: Hub, listed: Listing, snapshot: Path) -> None:
    (snapshot / "model.safetensors").write_bytes(LFS_POINTER)
    (snapshot / "README.md").write_text("---\na: [\n---\n")
    first, second = listed(), listed()
    assert listed.read == 1
    assert second.state == "damaged"
    assert without_use(first) == without_use(second)
    assert [notice.code for notice in second.warnings] == ["card-broken"]


def test_what_is_gone_is_forgotten(hub: Hub, listed: Listing) -> None:
    listed()
    hub.add("org/other")
    scan(listed.roots)
    assert len(listed.entries) == 2
    hub.repo("org/other").rename(hub.root / "elsewhere")
    listed()
    assert len(listed.entries) == 1


def test_other_caches_are_not_forgotten(listed: Listing, tmp_path: Path) -> None:
    listed()
    other = Hub(tmp_path / "other")
    other.add("org/model")
    scan(Roots(hub_caches=(other.root,), index=listed.path))
    assert len(listed.entries) == 2


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        pack([]).encode(),
        pack({}).encode(),
        pack({"contents": 3, "layouts": 3}).encode(),
        pack({"contents": {}, "layouts": {"/": 3}}).encode(),
    ],
    ids=["empty", "cut off", "a list", "no text", "deep", "list", "nothing", "numbers", "a number"],
)
def test_an_index_that_is_none_costs_a_reading(listed: Listing, content: bytes) -> None:
    expected = listed()
    listed.path.write_bytes(content)
    assert without_use(listed()) == without_use(expected)
    assert listed.read == 2
    assert len(listed.entries) == 1


def test_an_index_of_another_version_is_not_believed(listed: Listing) -> None:
    listed()
    listed.replace(lambda value: {**value, "licence": "forged"})
    assert listed().revisions[0].contents.licence == "forged"  # else this test shows nothing
    heading, _, body = listed.path.read_text().partition("\n")
    version, _, checksum = heading.rpartition(" ")
    listed.path.write_text(f"{version}0 {checksum}\n{body}")
    assert listed().revisions[0].contents.licence == "mit"


def test_an_index_with_a_single_wrong_bit_is_not_believed(listed: Listing) -> None:
    listed()
    text = listed.path.read_text()
    listed.path.write_text(text.replace('"mit"', '"mis"'))
    assert listed().revisions[0].contents.licence == "mit"
    assert listed.path.read_text() == text


@pytest.mark.parametrize(
    "change",
    [
        None,
        [],
        "text",
        {"licence": 5},
        {"licence": ["mit"]},
        {"architectures": "Bert"},
        {"architectures": [1]},
        {"languages": {"en": 1}},
        {"parameter_count": -1},
        {"parameter_count": "6"},
        {"parameter_count": True},
        {"remote_code": "no"},
        {"unknown": 1},
        {"broken": [["config.json", {"code": "file-empty"}, False]]},
        {"broken": [["config.json", {"code": "no-such-code", "arguments": {}}, False]]},
        {"broken": [["config.json", {"code": "file-empty", "arguments": {}}, False]]},
        {"broken": [[5, {"code": "file-empty", "arguments": {"file": "x"}}, False]]},
        {"broken": [["config.json"]]},
        {"broken": 3},
        {"warnings": [{"code": "file-empty", "arguments": []}]},
        {"warnings": ["x"]},
        {"warnings": {"a": 1}},
    ],
)
def test_an_entry_that_somebody_else_wrote_is_as_good_as_none(listed: Listing, change: Any) -> None:
    expected = listed()
    listed.replace(change)
    assert without_use(listed()) == without_use(expected)
    assert listed.read == 2


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["version", "entries", "broken", "licence", "code"]) | st.text(max_size=3), inner
            )
        ),
        max_leaves=20,
    )
)
def test_anything_may_stand_in_it(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.mktemp("index") / "index.json"
    repo = RawRepo("org/model", str(path.parent / "none"))
    for document in (
        {"contents": {"/folder": [value, value]}, "layouts": {repo.folder: [value] * 4}},
        {"contents": value, "layouts": {repo.folder: value}},
        value,
    ):
        path.write_text(pack(document))
        index = Index(path)
        assert index.contents("/folder", []) == Index(None).contents("/folder", [])
        assert index.memory
        assert not index.memory.recall(repo)


def test_files_that_changed_a_moment_ago_are_not_remembered(hub: Hub, tmp_path: Path) -> None:
    roots = Roots(hub_caches=(hub.root,), index=tmp_path / "index.json")
    hub.add("org/model")
    scan(roots)
    assert not (tmp_path / "index.json").exists()


def test_files_that_rest_are_remembered(hub: Hub, tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    snapshot = hub.add("org/model")
    age(hub.root)
    changed = max((snapshot / name).stat().st_ctime for name in CLASSIFIER)
    (model,) = scan(Roots(hub_caches=(hub.root,))).models
    for seconds, remembered in ((1.0, False), (3.0, True)):
        index = Index(path, clock=lambda seconds=seconds: changed + seconds)
        index.contents(str(snapshot), list(model.revisions[0].files))
        assert index.save(()) is None
        assert path.exists() == remembered


def test_an_index_that_cannot_be_written_is_a_warning(listed: Listing, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = scan(Roots(hub_caches=listed.roots.hub_caches, index=tmp_path / "file" / "index.json"))
    assert [notice.code for notice in found.warnings] == ["index-not-written"]
    assert found.models[0].state == "ready"


def test_file_names_that_are_no_text(hub: Hub, listed: Listing, snapshot: Path) -> None:
    name = os.fsdecode(b"vocab-\xff.txt")
    (snapshot / name).write_text("x")
    hub.add("org/" + os.fsdecode(b"odd-\xfe"), {"config.json": config(), "README.md": card()})
    assert len(scan(listed.roots).models) == 2
    assert len(scan(listed.roots).models) == 2
    assert listed.read == 2
