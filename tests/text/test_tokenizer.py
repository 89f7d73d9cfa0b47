"""How a tokenizer.json is used: lengths, padding, types, odd texts."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE, WordLevel, WordPiece

from tests.text.models import CONFIG, session, word_tokenizer, write_files
from workbench.errors import Cancelled, InputError, ModelError
from workbench.runtime.text import TextFeeds, TextTokenizer, _pad_id
from workbench.tasks.base import Run

LIMIT_OF_LONG_TEXTS_S = 5.0


def tokenizer_of(folder: Path, **changes: Any) -> TextTokenizer:
    return TextTokenizer(write_files(folder, **changes))


def ids(tokenizer: TextTokenizer, *texts: str) -> list[int]:
    return tokenizer.encode(*texts, run=Run()).ids


def test_a_missing_tokenizer_is_named(tmp_path: Path) -> None:
    files = write_files(tmp_path)
    (tmp_path / "tokenizer.json").unlink()
    with pytest.raises(ModelError) as caught:
        TextTokenizer(files)
    assert caught.value.code == "tokenizer-missing"
    assert caught.value.arguments["file"] == str(tmp_path / "tokenizer.json")


@pytest.mark.parametrize(
    "content", ["", "{}", "{", '{"model": {"type": "None such"}}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_a_broken_tokenizer_is_named(tmp_path: Path, content: str | bytes) -> None:
    files = write_files(tmp_path)
    (tmp_path / "tokenizer.json").write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(ModelError) as caught:
        TextTokenizer(files)
    assert caught.value.code == "model-bad-file"


def test_stored_truncation_and_padding_do_not_count(tmp_path: Path) -> None:
    stored = word_tokenizer()
    stored.enable_truncation(4)
    stored.enable_padding(length=12)
    assert ids(tokenizer_of(tmp_path, tokenizer=stored), "red green blue red") == [2, 4, 5, 6, 4, 3]


@pytest.mark.parametrize(
    ("settings", "config", "limit"),
    [
        ({"model_max_length": 8}, CONFIG, 8),
        ({"model_max_length": 10**30}, CONFIG, 16),
        ({"model_max_length": 1e30}, CONFIG, 16),
        ({}, {"model_type": "gpt", "n_positions": 32}, 32),
        ({}, {"model_type": "t5"}, 512),
        ({}, {"model_type": "gpt", "n_positions": 10**30}, 512),
        ({}, {"model_type": "roberta", "max_position_embeddings": 18}, 16),
        *(({}, {"model_type": "bert", "max_position_embeddings": wrong}, 512) for wrong in (-1, 0, True, "9", None)),
        ({}, {"model_type": "mpnet", "max_position_embeddings": 18}, 16),
        ({"model_max_length": 512}, {"model_type": "bert", "max_position_embeddings": 16}, 16),
        ({"model_max_length": 512}, {"model_type": "deberta-v2", "max_position_embeddings": 256}, 512),
    ],
)
def test_the_longest_text_is_what_the_files_say(
    tmp_path: Path, settings: dict[str, Any], config: dict[str, Any], limit: int
) -> None:
    assert tokenizer_of(tmp_path, settings=settings, config=config).limit == limit


def test_a_text_that_is_too_long_loses_its_end_and_that_is_said(tmp_path: Path) -> None:
    tokenizer, run = tokenizer_of(tmp_path), Run()
    tokens = tokenizer.encode("red " * 30, run=run)
    assert tokens.ids == [2, *[4] * 14, 3]
    (notice,) = run.notices
    assert notice.code == "text-truncated"
    assert notice.arguments == {"tokens": 32, "limit": 16, "used": 55, "characters": 120}


def test_a_text_that_just_fits_is_not_warned_of(tmp_path: Path) -> None:
    run = Run()
    assert len(tokenizer_of(tmp_path).encode("red " * 14, run=run)) == 16
    assert run.notices == []


def test_of_a_pair_the_longer_text_is_cut(tmp_path: Path) -> None:
    tokenizer, run = tokenizer_of(tmp_path), Run()
    tokens = tokenizer.encode("red green", "blue " * 30, run=run)
    assert tokens.ids == [2, 4, 5, 3, *[6] * 11, 3]
    assert tokens.type_ids == [0] * 4 + [1] * 12
    assert run.notices[0].arguments == {"tokens": 35, "limit": 16, "used": 9 + 54, "characters": 9 + 150}


def test_the_beginning_is_cut_where_the_settings_say_so(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, settings={"truncation_side": "left", "model_max_length": 5})
    assert ids(tokenizer, "red " * 30 + "green blue red") == [2, 5, 6, 4, 3]


def test_a_side_that_there_is_not_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as caught:
        tokenizer_of(tmp_path, settings={"truncation_side": "middle"})
    assert caught.value.code == "model-bad-setting"
    assert caught.value.arguments["name"] == "truncation_side"


def test_a_limit_of_the_call_wins_and_is_forgotten(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path)
    assert len(tokenizer.encode("red " * 9, run=Run(), limit=6)) == 6
    assert len(tokenizer.encode("red " * 9, run=Run())) == 11


def test_a_limit_leaves_room_for_a_token(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path)
    assert tokenizer.bounded(1) == 4
    assert tokenizer.bounded(10_000) == 16


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Anna, red", ["Anna", ",", "red"]),
        ("👋 Anna 👩‍👩‍👧 red", ["👋", "Anna", "👩‍👩‍👧", "red"]),
        ("Zoe\u0308 Anna", ["Zoe\u0308", "Anna"]),
        ("小店 Anna 排队", ["小店", "Anna", "排队"]),
        ("القطار Anna المدينة", ["القطار", "Anna", "المدينة"]),
        ("किसान Anna", ["किसान", "Anna"]),
        ("\U0001d4d0 𝒷 Anna", ["\U0001d4d0", "𝒷", "Anna"]),
    ],
)
def test_offsets_count_characters(tmp_path: Path, text: str, words: list[str]) -> None:
    stored = word_tokenizer()
    stored.pre_tokenizer = pre_tokenizers.Split(" ", "removed")
    tokens = tokenizer_of(tmp_path, tokenizer=stored).encode(text.replace(",", " ,"), run=Run())
    inner = zip(tokens.offsets, tokens.special_tokens_mask, strict=True)
    assert [tokens.text[start:end] for (start, end), special in inner if not special] == words


def test_half_a_surrogate_pair_is_replaced_and_said(tmp_path: Path) -> None:
    tokenizer, run = tokenizer_of(tmp_path), Run()
    tokens = tokenizer.encode("red \ud83d Anna\udc4b", run=run)
    assert tokens.text == "red \ufffd Anna\ufffd"
    assert tokens.ids[1] == 4
    assert run.notices[0].code == "text-repaired"
    assert run.notices[0].arguments == {"count": 2}


@pytest.mark.parametrize("text", ["", " ", " \t\n\u3000 "])
def test_an_empty_text_has_the_tokens_around_it(tmp_path: Path, text: str) -> None:
    assert ids(tokenizer_of(tmp_path), text) == [2, 3]


@pytest.mark.parametrize("text", ["", " \n"])
def test_a_text_without_any_token_is_an_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(InputError) as caught:
        ids(tokenizer_of(tmp_path, tokenizer=word_tokenizer(special=False)), text)
    assert caught.value.code == "text-no-tokens"


@pytest.mark.parametrize("text", ["red green, " * 900_000, "红 " * 5_000_000, "Anna " + "red, " * 2_000_000])
def test_ten_million_characters_take_no_longer_than_their_beginning(tmp_path: Path, text: str) -> None:
    tokenizer, run = tokenizer_of(tmp_path), Run()
    started = time.perf_counter()
    tokens = tokenizer.encode(text, run=run)
    assert time.perf_counter() - started < LIMIT_OF_LONG_TEXTS_S
    assert tokens.ids == ids(tokenizer, text[:10_000])
    notice = run.notices[0].arguments
    assert notice["tokens"].startswith("over ")
    assert notice["characters"] == len(text)


def test_a_long_word_is_read_to_its_end(tmp_path: Path) -> None:
    """No beginning of it tells what it is."""
    tokenizer, run = tokenizer_of(tmp_path), Run()
    assert ids(tokenizer, "x" * 100_000 + " red") == [2, 1, 4, 3]
    assert run.notices == []


def test_reading_can_be_cancelled(tmp_path: Path) -> None:
    tokenizer, run = tokenizer_of(tmp_path), Run()
    run.cancellation.cancel()
    with pytest.raises(Cancelled):
        tokenizer.encode("red", run=run)


def test_a_failure_of_the_library_is_told_of_the_text(tmp_path: Path) -> None:
    without_unknown = Tokenizer(WordLevel({"red": 0}, unk_token="[none]"))
    with pytest.raises(InputError) as caught:
        ids(tokenizer_of(tmp_path, tokenizer=without_unknown), "green")
    assert caught.value.code == "text-not-encoded"


def test_a_panic_of_the_library_is_an_error_and_an_interrupt_stays_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicException(BaseException):
        """As pyo3 raises it."""

    tokenizer = tokenizer_of(tmp_path)

    class Broken:
        def __init__(self, error: BaseException) -> None:
            self.error = error

        def __getattr__(self, name: str) -> Any:
            raise self.error

    monkeypatch.setattr(tokenizer, "_tokenizer", Broken(PanicException("index out of bounds")))
    with pytest.raises(InputError, match="index out of bounds"):
        tokenizer._encode(["red"], None)
    monkeypatch.setattr(tokenizer, "_tokenizer", Broken(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        tokenizer._encode(["red"], None)


@given(text=st.text(st.characters(), max_size=60), pair=st.none() | st.text(max_size=40))
def test_any_text_is_read(text: str, pair: str | None, tmp_path_factory: pytest.TempPathFactory) -> None:
    tokenizer = shared(tmp_path_factory)
    tokens = tokenizer.encode(text, pair, run=Run())
    assert 2 <= len(tokens) <= 16
    for (start, end), sequence in zip(tokens.offsets, tokens.encoding.sequence_ids, strict=True):
        assert 0 <= start <= end <= len((text, pair or "")[sequence or 0])


SHARED: list[TextTokenizer] = []


def shared(factory: pytest.TempPathFactory) -> TextTokenizer:
    if not SHARED:
        SHARED.append(tokenizer_of(factory.mktemp("shared")))
    return SHARED[0]


def test_feeds_have_the_names_and_types_of_the_graph(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path)
    inputs = ("attention_mask", "input_ids", "token_type_ids")
    graph = session(tmp_path, inputs=inputs, dtype=TensorProto.INT32)["model"]
    feeds = TextFeeds(graph, tokenizer)([tokenizer.encode("red", "green", run=Run())])
    assert list(feeds) == list(inputs)
    assert {value.dtype for value in feeds.values()} == {np.dtype(np.int32)}
    assert feeds["token_type_ids"].tolist() == [[0, 0, 0, 1, 1]]
    assert feeds["attention_mask"].tolist() == [[1] * 5]


def test_types_are_given_only_where_the_graph_asks(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path)
    feeds = TextFeeds(session(tmp_path, inputs=("input_ids",))["model"], tokenizer)
    assert list(feeds([tokenizer.encode("red", run=Run())])) == ["input_ids"]
    assert not feeds.can_pad


def test_types_are_zero_where_the_tokenizer_has_none(tmp_path: Path) -> None:
    tokenizer = tokenizer_of(tmp_path, settings={"model_input_names": ["input_ids", "attention_mask"]})
    graph = session(tmp_path, inputs=("input_ids", "attention_mask", "token_type_ids"))["model"]
    feeds = TextFeeds(graph, tokenizer)([tokenizer.encode("red", "green", run=Run())])
    assert feeds["token_type_ids"].tolist() == [[0] * 5]


@pytest.mark.parametrize("side", ["right", "left"])
def test_shorter_texts_are_padded_behind(tmp_path: Path, side: str) -> None:
    tokenizer = tokenizer_of(tmp_path, settings={"pad_token": {"content": "[PAD]"}, "padding_side": side})
    feeds = TextFeeds(session(tmp_path, inputs=("input_ids", "attention_mask", "position_ids"))["model"], tokenizer)
    assert feeds.can_pad
    batch = [tokenizer.encode(text, run=Run()) for text in ("red green", "blue")]
    assert feeds(batch)["input_ids"].tolist() == [[2, 4, 5, 3], [2, 6, 3, 0]]
    assert feeds(batch)["attention_mask"].tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]
    assert feeds(batch)["position_ids"].tolist() == [[0, 1, 2, 3]] * 2
    assert feeds.mask(batch).tolist() == [[1, 1, 1, 1], [1, 1, 1, 0]]


def test_a_graph_that_asks_for_more_is_refused(tmp_path: Path) -> None:
    graph = session(tmp_path, inputs=("input_ids", "pixel_values"))["model"]
    with pytest.raises(ModelError) as caught:
        TextFeeds(graph, tokenizer_of(tmp_path))
    assert caught.value.code == "model-unknown-input"
    assert caught.value.arguments["name"] == "pixel_values"


def bert_tokenizer(*, lowercase: bool) -> Tokenizer:
    tokenizer = Tokenizer(WordPiece({"[UNK]": 0, "zoe": 1, "Zoë": 2, "Zoe": 3, "zoë": 4}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


@pytest.mark.parametrize(
    ("stored", "settings", "wanted"),
    [
        (True, {"tokenizer_class": "BertTokenizer", "do_lower_case": False}, 2),
        (False, {"tokenizer_class": "BertTokenizerFast", "do_lower_case": True}, 1),
        (False, {"tokenizer_class": "BertTokenizer"}, 1),
        (False, {}, 1),
        (False, {"do_lower_case": True, "strip_accents": False}, 4),
        (False, {"do_lower_case": False, "strip_accents": True}, 3),
        (False, {"do_lower_case": False, "strip_accents": "yes"}, 3),
        (False, {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": True}, 2),
    ],
)
def test_settings_of_case_and_accents_win(tmp_path: Path, stored: bool, settings: dict[str, Any], wanted: int) -> None:
    tokenizer = tokenizer_of(tmp_path, tokenizer=bert_tokenizer(lowercase=stored), settings=settings)
    assert ids(tokenizer, "Zoë") == [wanted]


def byte_tokenizer() -> Tokenizer:
    vocabulary = {token: n for n, token in enumerate(["<s>", "</s>", "a", "Ġ", "Ġa"])}
    tokenizer = Tokenizer(BPE(vocabulary, [("Ġ", "a")]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 1), ("<s>", 0), add_prefix_space=False)
    return tokenizer


@pytest.mark.parametrize(
    ("settings", "wanted", "offsets"),
    [
        ({"tokenizer_class": "RobertaTokenizer"}, [0, 2, 4, 1], [(0, 0), (0, 1), (2, 3), (0, 0)]),
        ({"add_prefix_space": True}, [0, 4, 4, 1], [(0, 0), (0, 1), (2, 3), (0, 0)]),
        ({"trim_offsets": False}, [0, 2, 4, 1], [(0, 0), (0, 1), (1, 3), (0, 0)]),
    ],
)
def test_settings_of_spaces_win(
    tmp_path: Path, settings: dict[str, Any], wanted: list[int], offsets: list[tuple[int, int]]
) -> None:
    config = {"model_type": "roberta", "max_position_embeddings": 20}
    tokenizer = tokenizer_of(tmp_path, tokenizer=byte_tokenizer(), settings=settings, config=config)
    tokens = tokenizer.encode("a a", run=Run())
    assert tokens.ids == wanted
    assert tokens.offsets == offsets


def test_the_names_of_special_tokens_may_stand_in_the_older_file(tmp_path: Path) -> None:
    others = {"special_tokens_map.json": {"pad_token": "[PAD]", "unk_token": {"content": "[SEP]"}}}
    tokenizer = tokenizer_of(tmp_path, settings={"x": 1}, others=others)
    assert (tokenizer.pad_id, tokenizer.unknown_id) == (0, 3)
    stored = json.loads((tmp_path / "tokenizer_config.json").read_text("utf-8"))
    assert "pad_token" not in stored


@pytest.mark.parametrize("name", ["pad_token", "eos_token", "unk_token", "mask_token", "cls_token"])
def test_half_a_character_is_no_token(tmp_path: Path, name: str) -> None:
    tokenizer = tokenizer_of(tmp_path, settings={name: "\ud800", "additional_special_tokens": ["\ud800", 1]})
    assert None in (tokenizer.pad_id, tokenizer.eos_id, tokenizer.unknown_id, tokenizer.token_id("\ud800"))
    assert tokenizer.vocabulary().token_id("\ud800") is None


@pytest.mark.parametrize("wrong", [True, 1, "x", {"a": 1}])
def test_special_tokens_that_are_no_list_count_for_nothing(tmp_path: Path, wrong: Any) -> None:
    assert tokenizer_of(tmp_path, settings={"additional_special_tokens": wrong}).vocabulary().token_id("red") == 4


@pytest.mark.parametrize(("number", "found"), [(0, 0), (-1, None), ("x", None), (True, None), ([0], None)])
def test_what_a_config_pads_with(number: Any, found: int | None) -> None:
    assert _pad_id({"pad_token_id": number}) == found
