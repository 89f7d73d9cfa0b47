"""What ``export`` says to words about samples, before anything is loaded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.exporting.conftest import safetensors
from workbench.api import Workbench
from workbench.errors import InputError, UsageError
from workbench.planning import OwnSamples


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A folder that could be exported as far as a plan looks."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", "architectures": ["BertModel"]}), "utf-8")
    (folder / "tokenizer.json").write_text("{}", "utf-8")
    (folder / "model.safetensors").write_bytes(safetensors(1000))
    return folder


def test_samples_of_a_user_take_the_place_of_the_built_in_ones(model: Path, tmp_path: Path) -> None:
    texts = tmp_path / "texts.csv"
    texts.write_text("id,review\n1,good\n2,\n3,bad\n", "utf-8")
    with Workbench() as workbench:
        own = OwnSamples(texts, "review")
        plan = workbench.plan_export(str(model), task="feature-extraction", own=own, calibration="entropy")
        assert plan.spec.samples == ("good", "bad")
        assert plan.spec.own_samples
        assert plan.spec.calibration == "entropy"
        assert plan.skipped == (("line 3", "it is empty"),)
        assert plan.spec.precisions == ("fp32", "int8")
        plan = workbench.plan_export(str(model), task="feature-extraction")
        assert len(plan.spec.samples) > 20
        assert not plan.spec.own_samples
        with pytest.raises(UsageError, match="known: minmax, entropy, percentile"):
            workbench.plan_export(str(model), task="feature-extraction", calibration="guess")
        with pytest.raises(UsageError, match="int8-static is not made for text-generation"):
            workbench.plan_export(str(model), task="text-generation", precisions=("int8-static",))
        picture = tmp_path / "picture.jpg"
        picture.write_bytes(b"\xff\xd8\xff")
        with pytest.raises(InputError, match="'image'"):
            workbench.plan_export(str(model), task="feature-extraction", own=OwnSamples(picture))


def test_bad_words_about_samples_are_told_in_one_line(workbench: Command, model: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("one,two\n1,2\n", "utf-8")
    (tmp_path / "empty").mkdir()
    for words, status, said in (
        (["--samples", tmp_path / "nothing"], 1, "there is no file"),
        (["--samples", tmp_path / "empty"], 1, "holds no samples for feature-extraction"),
        (["--samples", table], 1, "say with --column which of them"),
        (["--samples", table, "--column", "three"], 1, "it has one, two"),
        (["--column", "one"], 2, "name those"),
        (["--samples", table, "--sample-count", "0"], 2, "'0' is not a whole number from 1 on"),
        (["--calibration", "guess"], 2, "invalid choice"),
    ):
        done = workbench("export", model, "--task", "feature-extraction", *words)
        assert done.status == status
        assert said in done.err
        assert done.err.count("\n") == 1
        assert done.out == ""
