"""What can be asked of a language model: how much, and how its tokens are chosen."""

from __future__ import annotations

from workbench.tasks.info import Param

__all__ = ["LANGUAGE_MODEL_PARAMS"]

LANGUAGE_MODEL_PARAMS = (
    Param("max_new_tokens", int, 128, "How many tokens to add at most", minimum=1),
    Param(
        "do_sample",
        bool,
        None,
        "Draw tokens by chance, or take the likeliest; none: draw where a setting for it is given, or where a chat "
        "model's files say so",
    ),
    Param(
        "temperature",
        float,
        None,
        "Above 1 bolder, below 1 more careful; 0 takes the likeliest",
        minimum=0,
        maximum=100,
    ),
    Param("top_k", int, None, "Draw from so many of the likeliest tokens, 0 from all", minimum=0),
    Param(
        "top_p",
        float,
        None,
        "Draw from the likeliest tokens that have this share of the probability together",
        minimum=0,
        maximum=1,
    ),
    Param(
        "min_p",
        float,
        None,
        "Draw from tokens that have this share of the likeliest one's probability at least",
        minimum=0,
        maximum=1,
    ),
    Param(
        "repetition_penalty",
        float,
        None,
        "Make tokens that occurred less likely, 1 for no change; none: as the model says",
        minimum=0.01,
        maximum=100,
    ),
    Param(
        "no_repeat_ngram_size",
        int,
        None,
        "Let no sequence of so many tokens occur twice, 0 for any; none: as the model says",
        minimum=0,
    ),
    Param(
        "seed", int, None, "With the same number the same text is drawn again; none: another one each time", minimum=0
    ),
    Param("stop", list, None, "End before the first of these texts; none: as the model says"),
)
