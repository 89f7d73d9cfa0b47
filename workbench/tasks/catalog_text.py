"""The tasks that read text."""

from __future__ import annotations

from workbench.tasks.info import Field, Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, TOP_K

__all__ = ["TEXT_TASKS"]

ENCODER = Layout("feature-extraction")

TEXT_TASKS = (
    TaskInfo(
        id="feature-extraction",
        title="Text embeddings",
        input="text",
        result="Embedding",
        layouts=(ENCODER,),
        params=(
            Param(
                "pooling",
                str,
                "none",
                "How token vectors become one: 'model' does what the model's own files say",
                choices=("none", "model", "mean", "cls", "max"),
            ),
            Param("normalize", bool, None, "Scale a pooled vector to length 1"),
        ),
    ),
    TaskInfo(
        id="sentence-similarity",
        title="Sentence similarity",
        input="fields",
        fields=(Field("source_sentence"), Field("sentences", "texts")),
        gathers=True,
        result="Similarity",
        layouts=(ENCODER,),
        verified_as="feature-extraction",
        verified_with={"pooling": "model"},
    ),
    TaskInfo(
        id="text-classification",
        title="Text classification",
        input="text",
        result="Labels",
        layouts=(Layout("text-classification", ("ForSequenceClassification",)),),
        params=(TOP_K, FUNCTION),
    ),
    TaskInfo(
        id="token-classification",
        title="Token classification",
        input="text",
        result="Spans",
        layouts=(Layout("token-classification", ("ForTokenClassification",)),),
        params=(
            Param(
                "aggregation_strategy",
                str,
                "simple",
                "How tokens are grouped into entities",
                choices=("none", "simple", "first", "average", "max"),
            ),
        ),
    ),
    TaskInfo(
        id="text-generation",
        title="Text generation",
        input="text",
        result="Text",
        layouts=(
            Layout(
                "text-generation-with-past",
                ("ForCausalLM", "LMHeadModel"),
                graphs=(("model", "decoder_model_merged"),),
            ),
        ),
        params=(
            Param("max_new_tokens", int, 128, "How many tokens to add at most", minimum=1),
            Param("stop", str, None, "End before this text"),
        ),
    ),
)
