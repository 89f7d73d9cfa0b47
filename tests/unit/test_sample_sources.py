"""Samples that a user brings, good ones and bad ones. Pictures and sounds are first bytes only: none is decoded."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import InputError, UsageError
from workbench.samples.sources import SampleSource, read_samples, samples_digest
from workbench.tasks.catalog import task_info
from workbench.tasks.samples import samples

JPEG, PNG, FLAC = b"\xff\xd8\xff\xe0rest", b"\x89PNG\r\n\x1a\nrest", b"fLaCrest"


def read(task: str, path: Path, *, column: str | None = None, limit: int = 100) -> SampleSource:
    return read_samples(task_info(task), path, column=column, limit=limit)


def refused(task: str, path: Path, code: str, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        read(task, path, **options)
    assert caught.value.code == code
    return caught.value


def written(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


# --- folders ---


def test_pictures_of_a_folder_and_those_below_come_in_natural_order(tmp_path: Path) -> None:
    for name in ("10.jpg", "2.jpg", "b/1.png", ".hidden.jpg", "no-suffix", "notes.txt"):
        written(tmp_path / name, {"b/1.png": PNG, "notes.txt": b"words"}.get(name, JPEG))
    found = read("image-classification", tmp_path)
    assert found.samples == tuple(str(tmp_path / name) for name in ("2.jpg", "10.jpg", "no-suffix", "b/1.png"))
    assert found.skipped == ()


def test_bad_pictures_among_good_ones_are_passed_over_and_listed(tmp_path: Path) -> None:
    good = written(tmp_path / "good.jpg", JPEG)
    written(tmp_path / "empty.jpg", b"")
    written(tmp_path / "page.jpg", "<html>not found</html>")
    written(tmp_path / "sound.png", FLAC)
    (tmp_path / "dangling.jpg").symlink_to(tmp_path / "gone.jpg")
    found = read("object-detection", tmp_path)
    assert found.samples == (str(good),)
    assert dict(found.skipped) == {
        "dangling.jpg": "there is no such file",
        "empty.jpg": "it is empty",
        "page.jpg": "it is not a picture",
        "sound.png": "it is not a picture",
    }


def test_an_unreadable_file_is_passed_over_with_the_system_s_words(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root reads everything")
    written(tmp_path / "a.jpg", JPEG)
    written(tmp_path / "b.jpg", JPEG).chmod(0)
    assert dict(read("image-classification", tmp_path).skipped) == {"b.jpg": "Permission denied"}


def test_each_text_file_of_a_folder_is_one_input(tmp_path: Path) -> None:
    written(tmp_path / "1.txt", "first\nwith two lines")
    written(tmp_path / "2.txt", b"\xff\xfe\xfd not UTF-8")
    written(tmp_path / "3.txt", b"caf\xe9")
    written(tmp_path / "4.txt", " \n")
    written(tmp_path / "table.csv", "a,b\n1,2\n")
    found = read("feature-extraction", tmp_path)
    assert found.samples == ("first\nwith two lines",)
    assert [name for name, _ in found.skipped] == ["2.txt", "3.txt", "4.txt"]


def test_one_picture_is_a_sample(tmp_path: Path) -> None:
    path = written(tmp_path / "one.jpg", JPEG)
    assert read("depth-estimation", path).samples == (str(path),)


# --- lines, tables, JSON ---


def test_each_line_of_a_text_file_is_one_input(tmp_path: Path) -> None:
    path = written(tmp_path / "texts.txt", b"\xef\xbb\xbffirst\r\n\r\n second \nbr\xe9ak\nlast")
    found = read("text-classification", path)
    assert found.samples == ("first", "second", "last")
    assert found.skipped == (("line 4", "it is not UTF-8"),)


def test_lines_are_paths_for_a_task_on_sounds(tmp_path: Path) -> None:
    written(tmp_path / "sounds" / "a.flac", FLAC)
    path = written(tmp_path / "list.txt", "sounds/a.flac\nsounds/b.flac\n")
    found = read("automatic-speech-recognition", path)
    assert found.samples == (str(tmp_path / "sounds/a.flac"),)
    assert found.skipped == (("line 2", "there is no such file"),)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'id,review\n1,"good, and\nlong"\n2,bad\n3,\n'),
        ("b.csv", 'id;review\n1;"good, and\nlong"\n2;bad\n3;\n'),
        ("c.tsv", 'id\treview\n1\t"good, and\nlong"\n2\tbad\n3\t\n'),
        ("utf16.csv", 'id,review\n1,"good, and\nlong"\n2,bad\n3,\n'.encode("utf-16")),
    ],
)
def test_a_column_of_a_table(tmp_path: Path, name: str, content: str | bytes) -> None:
    found = read("feature-extraction", written(tmp_path / name, content), column="review")
    assert found.samples == ("good, and\nlong", "bad")
    assert found.skipped == (("line 5", "it is empty"),)


def test_a_column_named_as_the_input_needs_not_be_named_again(tmp_path: Path) -> None:
    assert read("feature-extraction", written(tmp_path / "a.csv", "label,text\n1,x\n")).samples == ("x",)
    assert read("feature-extraction", written(tmp_path / "b.csv", "anything\nx\n")).samples == ("x",)


def test_rows_that_are_short_or_never_end_are_passed_over(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", 'id,text\n1\n2,good\n3,"' + "x" * 200_000 + "\n4,better\n")
    found = read("feature-extraction", path)
    assert found.samples == ("good", "better")
    assert found.skipped[0] == ("line 2", "it has 1 columns, the header 2")
    assert found.skipped[1][0] == "line 4"
    assert "field limit" in found.skipped[1][1]


@pytest.mark.parametrize("blank", ["\n\n", " \r\n", ",,\n"])
def test_blank_lines_before_the_header_of_a_table(tmp_path: Path, blank: str) -> None:
    path = written(tmp_path / "a.csv", f"{blank}text;x\nhello, you;1\n")
    assert read("feature-extraction", path).samples == ("hello, you",)
    refused("feature-extraction", written(tmp_path / "b.csv", blank), "samples-none")


def test_rows_of_json_without_the_column_are_passed_over_and_say_what_they_have(tmp_path: Path) -> None:
    path = written(tmp_path / "a.json", '[{"a": "x"}, {"b": "y", "c": "z"}, 5]')
    found = read("feature-extraction", path, column="a")
    assert found.samples == ("x",)
    assert dict(found.skipped) == {
        "entry 2": "it has no 'a'; it has b, c",
        "entry 3": "it is no object with columns",
    }


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes in the file system")
def test_a_pipe_among_texts_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    written(tmp_path / "b.txt", "hello")
    found = read("feature-extraction", tmp_path)
    assert found.samples == ("hello",)
    assert found.skipped == (("a.txt", "it is not a file"),)


def test_fields_of_a_structured_task(tmp_path: Path) -> None:
    wanted = {"question": "Who?", "context": "Maria works."}
    table = written(tmp_path / "a.csv", "id,context,question\n1,Maria works.,Who?\n")
    lines = written(
        tmp_path / "b.jsonl",
        "\n".join(
            json.dumps(row)
            for row in (
                {**wanted, "answers": ["Maria"]},
                {"inputs": wanted},
                {"question": "Who?"},
                {"question": "Who?", "context": 3},
                "text",
            )
        )
        + "\n{broken\n",
    )
    assert read("question-answering", table).samples == (wanted,)
    found = read("question-answering", lines)
    assert found.samples == (wanted, wanted)
    assert [name for name, _ in found.skipped] == ["line 6", "line 3", "line 4", "line 5"]
    assert dict(found.skipped)["line 3"] == "it lacks context"
    assert dict(found.skipped)["line 4"] == "it is no text but of the type int"


def test_pairs_and_labels_that_belong_to_a_text(tmp_path: Path) -> None:
    pairs = written(tmp_path / "a.csv", "text,text_pair\nA,B\nC,\n")
    assert read("text-classification", pairs).samples == ({"text": "A", "text_pair": "B"}, "C")
    labels = written(tmp_path / "b.csv", 'text,candidate_labels\nA,"x, y"\nB,"[""x, y""]"\n')
    assert read("zero-shot-classification", labels).samples == (
        {"text": "A", "candidate_labels": ["x", "y"]},
        {"text": "B", "candidate_labels": ["x, y"]},
    )
    bare = written(tmp_path / "c.txt", "A\n")
    assert "candidate_labels" in str(refused("zero-shot-classification", bare, "samples-all-unusable"))


def test_texts_to_rank(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps({"query": "q", "texts": ["a", "b"]}))
    assert read("text-ranking", path).samples == ({"query": "q", "texts": ["a", "b"]},)
    path = written(tmp_path / "b.csv", 'query,texts\nq,"[""a"", ""b, c""]"\nq,"a, b"\n')
    found = read("text-ranking", path)
    assert found.samples == ({"query": "q", "texts": ["a", "b, c"]},)
    assert found.skipped == (("line 3", "texts is no list of texts"),)


def test_texts_of_a_task_that_compares_them_come_one_by_one(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", json.dumps({"source_sentence": "a", "sentences": ["b", "c"]}) + '\n"d"\n')
    assert read("sentence-similarity", path).samples == ("a", "b", "c", "d")
    assert read("sentence-similarity", path, limit=2).samples == ("a", "b")


def test_pictures_of_documents_lie_beside_the_file_that_names_them(tmp_path: Path) -> None:
    written(tmp_path / "pages" / "1.png", PNG)
    rows = [{"image": "pages/1.png", "question": "What?"}, {"image": {"bytes": None}, "question": "What?"}]
    path = written(tmp_path / "a.json", json.dumps(rows))
    found = read("document-question-answering", path)
    assert found.samples == ({"image": str(tmp_path / "pages/1.png"), "question": "What?"},)
    assert found.skipped[0][0] == "entry 2"


def test_a_blank_is_marked_as_the_built_in_ones_are(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "A <mask> day.\nA [MASK] day.\nA fine day.\n")
    found = read("fill-mask", path)
    assert found.samples == ("A [MASK] day.", "A [MASK] day.")
    assert found.skipped == (("line 3", "it has no [MASK], which marks the place to fill"),)


# --- how many, and which ---


def test_samples_come_from_all_over_a_long_source(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", "".join(f"text {n}\n" for n in range(1000)))
    assert read("feature-extraction", path, limit=4).samples == ("text 0", "text 250", "text 500", "text 750")


def test_others_stand_in_for_those_that_cannot_be_used(tmp_path: Path) -> None:
    for n in range(6):
        written(tmp_path / f"{n}.jpg", JPEG if n % 2 else b"")
    found = read("image-classification", tmp_path, limit=3)
    assert [Path(name).name for name in found.samples] == ["1.jpg", "3.jpg", "5.jpg"]
    assert [name for name, _ in found.skipped] == ["0.jpg", "2.jpg", "4.jpg"]


def test_fewer_than_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="1 is the least"):
        read("feature-extraction", tmp_path, limit=0)


def test_the_digest_is_that_of_the_content_and_not_of_the_place(tmp_path: Path) -> None:
    for folder, content in (("a", JPEG), ("b", JPEG), ("c", JPEG + b"!")):
        written(tmp_path / folder / "1.jpg", content)
    a, b, c = (read("image-classification", tmp_path / name).sha256 for name in "abc")
    assert a == b != c
    task = task_info("text-classification")
    assert samples_digest(task, ("x", "y")) != samples_digest(task, ("y", "x"))


@pytest.mark.parametrize("task", ["document-question-answering", "image-classification", "text-ranking"])
def test_built_in_samples_have_a_digest_too(task: str) -> None:
    assert len(samples_digest(task_info(task), samples(task))) == 64


# --- what is refused ---


def test_a_place_without_samples(tmp_path: Path) -> None:
    refused("image-classification", tmp_path / "nothing", "input-not-found")
    refused("image-classification", tmp_path, "samples-none")
    refused("feature-extraction", written(tmp_path / "a.txt", ""), "samples-none")
    refused("feature-extraction", written(tmp_path / "a.csv", ""), "samples-none")
    refused("feature-extraction", written(tmp_path / "b.csv", "text\n"), "samples-none")


def test_samples_of_another_kind(tmp_path: Path) -> None:
    picture = written(tmp_path / "pictures" / "1.jpg", JPEG)
    error = refused("feature-extraction", picture.parent, "samples-other-kind")
    assert error.arguments["got"] == "image"
    refused("feature-extraction", picture, "samples-other-kind")
    refused("automatic-speech-recognition", picture.parent, "samples-other-kind")
    text = written(tmp_path / "texts" / "1.txt", "words")
    refused("image-classification", text.parent, "samples-other-kind")
    error = refused("image-classification", text, "samples-all-unusable")
    assert error.arguments["reason"] == "there is no such file"


def test_files_that_hold_no_samples(tmp_path: Path) -> None:
    refused("feature-extraction", written(tmp_path / "a.pdf", b"%PDF\0\1\2"), "samples-format")
    refused("feature-extraction", written(tmp_path / "a.csv", "text\nx\n".encode("utf-32")), "samples-format")
    refused("feature-extraction", written(tmp_path / "a.json", "{"), "input-unreadable")
    refused("feature-extraction", written(tmp_path / "deep.json", "[" * 100_000), "input-unreadable")
    os.mkfifo(tmp_path / "pipe.txt")
    refused("feature-extraction", tmp_path / "pipe.txt", "input-unreadable")


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    table = written(tmp_path / "a.csv", "one,two\n1,2\n")
    error = refused("feature-extraction", table, "samples-no-column", column="three")
    assert error.arguments["columns"] == "one, two"
    refused("feature-extraction", table, "samples-which-column")
    lines = written(tmp_path / "a.txt", "words\n")
    refused("feature-extraction", lines, "samples-no-columns", column="text")
    refused("feature-extraction", tmp_path, "samples-no-columns", column="text")
    refused("feature-extraction", written(tmp_path / "a.jsonl", '"x"\n'), "samples-no-columns", column="text")


def test_files_do_not_tell_the_fields_of_a_structured_task(tmp_path: Path) -> None:
    written(tmp_path / "a.txt", "words")
    assert "question, context" in str(refused("question-answering", tmp_path, "samples-need-fields"))
    refused("document-question-answering", written(tmp_path / "1.png", PNG), "samples-need-fields")
    refused("question-answering", tmp_path / "a.txt", "samples-all-unusable")


# --- Parquet ---


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert "[data]" in str(
        refused("feature-extraction", written(tmp_path / "a.parquet", b"PAR1"), "samples-no-pyarrow")
    )


def test_a_column_of_parquet(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "a.parquet"
    rows = {"id": [1, 2, 3], "text": ["x", None, "z"], "labels": [["a"], [], ["b"]], "image": [{"bytes": b"x"}] * 3}
    parquet.write_table(pyarrow.table(rows), path)
    found = read("feature-extraction", path)
    assert found.samples == ("x", "z")
    assert found.skipped == (("row 2", "it is empty"),)
    error = refused("feature-extraction", path, "samples-no-column", column="words")
    assert error.arguments["columns"] == "id, text, labels, image"
    assert "save it as a file" in str(refused("image-classification", path, "samples-all-unusable"))
    refused("feature-extraction", written(tmp_path / "b.parquet", b"PAR1 and then nothing"), "input-unreadable")
    parquet.write_table(pyarrow.table({"text": [b"good", b"\xff"]}), path)  # whose writer named no type
    assert read("feature-extraction", path).samples == ("good",)
    assert dict(read("feature-extraction", path).skipped) == {"row 2": "it is not UTF-8"}
    parquet.write_table(pyarrow.table({"text": pyarrow.array([], pyarrow.string())}), path)
    refused("feature-extraction", path, "samples-none")
