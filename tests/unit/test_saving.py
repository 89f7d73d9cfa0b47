"""Results as files: every format of every type, names that are safe, and folders that cannot be written."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from workbench.errors import UsageError, WorkbenchError
from workbench.results import (
    RESULT_TYPES,
    Answer,
    Answers,
    Audio,
    Box,
    Boxes,
    Depth,
    Embedding,
    Fill,
    Fills,
    Label,
    Labels,
    MadePicture,
    Mask,
    Masks,
    Rank,
    Ranking,
    Result,
    Segment,
    Similarity,
    Span,
    Spans,
    Text,
    Transcript,
)
from workbench.saving.coco import coco
from workbench.saving.files import file_name, picture_of, put, put_new
from workbench.saving.formats import FORMATS, OutFolder, chosen_formats, formats_of, write

NAN = float("nan")
INSIDE = np.array([[0, 255, 255], [0, 0, 255]], np.uint8)
RESULTS: tuple[Result, ...] = (
    Labels((Label("good, or fine", 0.9), Label("坏", NAN))),
    Spans((Span("PER", 0.9, "Ana", 3, 6),), grouped=True),
    Embedding(np.eye(2, 3, dtype=np.float32), pooled=False),
    Similarity(("a", "b"), ("a", "b"), np.eye(2, dtype=np.float32)),
    Text("Once\nupon", 4, "stop"),
    Transcript("Hello.", (Segment(" Hello.", 0.0, 2.5),)),
    Fills(((Fill(1, "cat", 0.9, "A cat."),), (Fill(2, "dog", 0.5, "A dog."),))),
    Answers("Who?", "It was Ana.", (Answer("Ana", 0.9, 7, 10),)),
    Ranking("q", (Rank(1, "One.", 2.5), Rank(0, "Two.", -3.5))),
    Boxes(6, 4, (Box("cat", 0.9, 1, 1, 4, 3.5),)),
    Masks(3, 2, (Mask("sky/sea", None, INSIDE), Mask("cat", 0.5, 255 - INSIDE, is_thing=True))),
    Depth(np.array([[0.5, 2.0], [0.0, 70.0]], np.float32), "m"),
    Audio(np.array([0, 0.5, -1], np.float32), 8000),
    MadePicture(np.arange(18, dtype=np.uint8).reshape(2, 3, 3)),
)
CASES = [(result, item) for result in RESULTS for item in formats_of(type(result))]


def drawn(path: Path, result: Result) -> bytes:
    return f"{path} {type(result).__name__}".encode()


@pytest.mark.parametrize(("result", "format_"), CASES, ids=[f"{type(r).__name__}-{f.name}" for r, f in CASES])
def test_every_format_can_be_written_and_is_not_empty(result: Result, format_: Any, tmp_path: Path) -> None:
    paths = write(result, format_, tmp_path / f"a{format_.suffix}", picture=Path("/p.png"), overlay=drawn)
    assert paths
    for path in paths:
        assert path.name.endswith(format_.suffix)
        assert path.stat().st_size
    assert sorted(tmp_path.iterdir()) == sorted(paths)


def test_every_type_has_formats_and_json_but_no_unknown_one() -> None:
    for name, cls in RESULT_TYPES.items():
        names = [item.name for item in formats_of(name)]
        assert "json" in names
        assert formats_of(cls) == formats_of(name)
    used = {item.name for name in RESULT_TYPES for item in formats_of(name)}
    assert used == set(FORMATS)


def saved(result: Result, name: str, folder: Path) -> bytes:
    (path,) = write(result, FORMATS[name], folder / f"x{FORMATS[name].suffix}")
    return path.read_bytes()


def test_a_table_is_read_by_spreadsheets_also_in_chinese(tmp_path: Path) -> None:
    data = saved(RESULTS[0], "csv", tmp_path)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    assert rows == [["label", "score"], ["good, or fine", "0.9"], ["坏", "nan"]]


def test_json_has_no_number_that_json_does_not_know(tmp_path: Path) -> None:
    assert json.loads(saved(RESULTS[0], "json", tmp_path))[1] == {"label": "坏", "score": None}


def test_text_is_lines(tmp_path: Path) -> None:
    assert saved(Text("Once\nupon", 4, "stop"), "txt", tmp_path) == b"Once\nupon\n"
    assert saved(RESULTS[7], "txt", tmp_path) == b"Ana\t0.9\t7\t10\n"
    assert b"00:00:02,500" in saved(RESULTS[5], "srt", tmp_path)


def test_masks_are_pictures_of_their_own_that_replace_nothing(tmp_path: Path) -> None:
    masks = RESULTS[10]
    first = write(masks, FORMATS["png"], tmp_path / "a.png")
    assert [path.name for path in first] == ["a-1-sky-sea.png", "a-2-cat.png"]
    second = write(masks, FORMATS["png"], tmp_path / "a.png")
    assert [path.name for path in second] == ["a-1-sky-sea-2.png", "a-2-cat-2.png"]
    with Image.open(first[0]) as picture:
        assert (np.array(picture) == INSIDE).all()


def test_depth_in_metres_is_saved_in_millimetres_of_16_bits(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(saved(RESULTS[11], "png", tmp_path))) as picture:
        assert picture.mode == "I;16"
        assert np.array(picture).tolist() == [[500, 2000], [0, 65535]]
    with Image.open(io.BytesIO(saved(Depth(np.array([[NAN, 1.5]], np.float32), "m"), "png", tmp_path))) as picture:
        assert np.array(picture).tolist() == [[0, 1500]]
    relative = Depth(np.array([[-1.0, 3.0]], np.float32), "relative")
    with Image.open(io.BytesIO(saved(relative, "png", tmp_path))) as picture:
        assert np.array(picture).tolist() == [[0, 65535]]
    assert np.array_equal(np.load(io.BytesIO(saved(relative, "npy", tmp_path))), relative.values)


def test_sound_is_a_wav(tmp_path: Path) -> None:
    with wave.open(io.BytesIO(saved(RESULTS[12], "wav", tmp_path))) as stream:
        assert (stream.getframerate(), stream.getnframes()) == (8000, 3)


class TestCoco:
    def test_boxes_of_several_pictures_share_their_categories(self) -> None:
        cat, dog = Box("cat", 0.9, 1, 1, 4, 3), Box("dog", 0.5, 0, 0, 2, 2)
        value = coco([("a.png", Boxes(6, 4, (cat,))), ("b.png", Boxes(8, 8, (dog, cat)))])
        assert value["images"] == [
            {"id": 1, "file_name": "a.png", "width": 6, "height": 4},
            {"id": 2, "file_name": "b.png", "width": 8, "height": 8},
        ]
        assert value["categories"] == [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]
        assert [(row["id"], row["image_id"], row["category_id"]) for row in value["annotations"]] == [
            (1, 1, 1),
            (2, 2, 2),
            (3, 2, 1),
        ]
        assert value["annotations"][0]["bbox"] == [1, 1, 3, 2]
        assert value["annotations"][0]["area"] == 6

    @pytest.mark.parametrize("pixels", [INSIDE, 255 - INSIDE, np.zeros((2, 3), np.uint8), np.full((2, 3), 255, "u1")])
    def test_run_lengths_give_the_mask_back(self, pixels: Any) -> None:
        (row,) = coco([("a.png", Masks(3, 2, (Mask("x", None, pixels),)))])["annotations"]
        counts, size = row["segmentation"]["counts"], row["segmentation"]["size"]
        values = [255 * (n % 2) for n in range(len(counts))]  # outside, inside, outside …
        assert (pixels == np.repeat(values, counts).reshape(size[::-1]).T).all()
        assert row["area"] == (pixels > 0).sum()
        assert "score" not in row
        x, y, width, height = row["bbox"]
        assert (pixels[y : y + height, x : x + width] > 0).sum() == row["area"]

    def test_one_file_for_all_pictures_of_a_run(self, tmp_path: Path) -> None:
        folder = OutFolder(tmp_path)
        items: list[tuple[Any, Result]] = [("/x/a.png", RESULTS[9]), ("/x/b.png", RESULTS[9])]
        (path,) = folder.save_together(items, "image", [FORMATS["coco"]])
        assert path.name == "annotations.coco.json"
        names = [image["file_name"] for image in json.loads(path.read_text("utf-8"))["images"]]
        assert names == ["a.png", "b.png"]


class TestNames:
    @pytest.mark.parametrize(
        ("item", "kind", "name"),
        [
            ("/x/my cat.jpeg", "image", "my-cat"),
            ("It is good, isn't it?", "text", "It-is-good-isn-t-it"),
            ("../../etc/passwd", "text", "etc-passwd"),
            ("CON.png", "image", "_CON"),
            ("", "text", "result"),
            ("...", "text", "result"),
            ("你好世界", "text", "你好世界"),
            ("\ud800", "text", "result"),
            ("x" * 5000, "text", "x" * 60),
            ({"question": "Who?", "context": "Ana."}, "fields", "Who"),
            ({"image": "/y/b.png", "question": "Who?"}, "fields", "b"),
            (["One.", "Two."], "fields", "One"),
            (None, "fields", "result"),
        ],
    )
    def test_a_name_says_what_it_is_of_and_is_safe(self, item: Any, kind: str, name: str) -> None:
        assert file_name(item, kind) == name

    def test_what_is_there_already_stays(self, tmp_path: Path) -> None:
        (tmp_path / "cat.json").write_text("mine", "utf-8")
        folder = OutFolder(tmp_path)
        made = [next(folder.save("/x/cat.png", "image", RESULTS[0], [FORMATS["json"]])).name for _ in range(2)]
        assert made == ["cat-2.json", "cat-3.json"]
        assert (tmp_path / "cat.json").read_text("utf-8") == "mine"

    def test_what_is_drawn_over_a_picture_never_takes_its_name(self, tmp_path: Path) -> None:
        (path,) = OutFolder(tmp_path).save("/x/a.png", "image", RESULTS[9], [FORMATS["overlay"]], drawn)
        assert path.name == "a-overlay.png"
        assert path.read_bytes() == b"/x/a.png Boxes"

    def test_the_picture_of_an_input(self) -> None:
        assert picture_of("/a.png", "image") == Path("/a.png")
        assert picture_of({"image": "/b.png"}, "fields") == Path("/b.png")
        assert picture_of("a text", "text") is None


class TestErrors:
    def test_a_format_that_a_result_does_not_have(self) -> None:
        assert [item.name for item in chosen_formats("Audio", [])] == ["wav"]
        assert [item.name for item in chosen_formats("Boxes", ["coco", "csv", "coco"])] == ["coco", "csv"]
        with pytest.raises(UsageError, match="cannot be saved as 'srt'; it can as: wav, json"):
            chosen_formats("Audio", ["srt"])

    def test_nothing_can_be_drawn_without_a_picture(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="the input has none"):
            write(RESULTS[9], FORMATS["overlay"], tmp_path / "a.png", overlay=drawn)

    def test_a_folder_that_is_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        with pytest.raises(WorkbenchError, match="cannot be written") as caught:
            OutFolder(tmp_path / "file" / "below")
        assert caught.value.code == "result-not-written"

    @pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs permissions that hold")
    def test_a_folder_without_permission(self, tmp_path: Path) -> None:
        tmp_path.chmod(0o500)
        with pytest.raises(WorkbenchError, match="Permission denied"):
            OutFolder(tmp_path)
        tmp_path.chmod(0o700)

    def test_a_file_that_cannot_be_replaced(self, tmp_path: Path) -> None:
        (tmp_path / "a.json").mkdir()
        with pytest.raises(WorkbenchError, match="cannot be written"):
            write(RESULTS[0], FORMATS["json"], tmp_path / "a.json")
        assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


@pytest.mark.skipif(sys.platform == "win32", reason="the system cannot be told how large files may get")
@pytest.mark.parametrize("size", [100, 1_000_000])
def test_nothing_is_left_of_a_file_that_the_disk_does_not_take(tmp_path: Path, size: int) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, limits[1]))  # a write of more fails as on a full disk
    try:
        for write_it in (lambda: put_new(tmp_path, "a", ".txt", b"x" * size), lambda: put(tmp_path / "b", b"x" * size)):
            with pytest.raises(WorkbenchError) as caught:
                write_it()
            assert caught.value.code == "result-not-written"
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []


def test_a_picture_that_was_made_is_a_png_of_its_values(tmp_path: Path) -> None:
    with Image.open(io.BytesIO(saved(RESULTS[-1], "png", tmp_path))) as picture:
        assert (picture.mode, picture.size) == ("RGB", (3, 2))
        assert (np.asarray(picture).ravel() == np.arange(18)).all()
