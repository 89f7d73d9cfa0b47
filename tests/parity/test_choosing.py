"""What is done to scores before a token is chosen, against transformers' own classes on random ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.parity.records import record
from workbench.runtime import logits_processors
from workbench.runtime.generation_settings import DEFAULTS, SAMPLING, GenerationSettings

pytestmark = pytest.mark.toolchain


def test_scores_become_what_transformers_makes_of_them(run_toolchain_script: Callable[..., Path]) -> None:
    made = run_toolchain_script("warpers")
    cases = json.loads((made / "cases.json").read_text("utf-8"))
    with np.load(made / "scores.npz") as archive:
        for case in cases:
            scores = archive[case["scores"]].copy()
            for name, value in case["chain"]:
                getattr(logits_processors, name)(value)(scores, case["tokens"])
            wanted = archive[case["key"]]
            if cuts_among_equals(case):
                scores, wanted = np.sort(scores), np.sort(wanted)
            assert (np.isneginf(scores) == np.isneginf(wanted)).all(), case["key"]
            np.testing.assert_allclose(scores, wanted, rtol=1e-6, err_msg=case["key"])
    record("text-generation", "rules for scores", len(cases), "same tokens forbidden, scores to 1e-6")


def test_they_are_applied_in_the_order_of_transformers(run_toolchain_script: Callable[..., Path]) -> None:
    made = run_toolchain_script("warpers")
    cases = [case for case in json.loads((made / "cases.json").read_text("utf-8")) if len(case["chain"]) > 1]
    assert cases
    names = {"no_repeated_ngrams": "no_repeat_ngram_size"}
    with np.load(made / "scores.npz") as archive:
        for case in cases:
            asked = {names.get(name, name): value for name, value in case["chain"]}
            settings = GenerationSettings({**DEFAULTS, **SAMPLING, **asked})
            scores = archive[case["scores"]].copy()
            for process in [*settings.processors(case["tokens"]), *settings.warpers()]:
                process(scores, case["tokens"])
            wanted = archive[case["key"]]
            if cuts_among_equals(case):
                scores, wanted = np.sort(scores), np.sort(wanted)
            np.testing.assert_allclose(scores, wanted, rtol=1e-6)


def cuts_among_equals(case: Mapping[str, Any]) -> bool:
    """Whether ``top_p`` leaves some of several equally likely tokens: which ones, torch's sorting decides."""
    return bool(case["tied"]) and any(name == "top_p" for name, _ in case["chain"])
