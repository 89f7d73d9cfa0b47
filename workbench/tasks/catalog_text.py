"""The tasks that read text."""

from __future__ import annotations

from workbench.tasks.info import ENCODER_DECODER, Field, Layout, Param, TaskInfo
from workbench.tasks.shared_params import FUNCTION, NUM_BEAMS, TOP_K, WRITTEN_TOKENS

__all__ = ["TEXT_TASKS"]

ENCODER = Layout("feature-extraction")
SEQ2SEQ = Layout(
    "text2text-generation-with-past",
    ("ForConditionalGeneration", "MTModel"),
    graphs=ENCODER_DECODER,
)
# An export writes no more for each sample; exporters/answers_text.py does the same.
VERIFIED_TOKENS = {"max_new_tokens": 48}

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
    TaskInfo(
        id="text2text-generation",
        title="Text to text",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
    TaskInfo(
        id="summarization",
        title="Summarization",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(WRITTEN_TOKENS, NUM_BEAMS),
    ),
    TaskInfo(
        id="translation",
        title="Translation",
        input="text",
        result="Text",
        layouts=(SEQ2SEQ,),
        verified_with=VERIFIED_TOKENS,
        params=(
            Param("src_lang", str, None, "The language of the text, as the model names it; none: the model's own"),
            Param("tgt_lang", str, None, "The language to translate into, as the model names it"),
            WRITTEN_TOKENS,
            NUM_BEAMS,
        ),
    ),
)
