"""What the scripts and tests of text models share: odd texts. Plain data; it imports nothing."""

from __future__ import annotations

LONG = "Maria Okonkwo moved from Lagos to Hamburg and works for Siemens; the train, however, was late again. " * 40
TEXTS: tuple[str, ...] = (
    "Maria Okonkwo moved from Lagos to Hamburg in 2019 and works for Siemens.",
    "jonathan.meyer@example.com, 42 Orchard Lane, Springfield (IL 62704) -- (202) 555-0178!",
    "The battery lasts for two days.",
    "No.",
    "  leading,  double   and trailing spaces \t and\ttabs\n\nand lines  ",
    "Zoe\u0308 ate a cre\u0301pe; Zoë ate a crêpe in São Paulo.",
    "👋 Hi, I'm Zoë 👩‍👩‍👧 from Leeds 🏴󠁧󠁢󠁥󠁮󠁧󠁿 – see you in Kraków!",
    "这家小店的面条又便宜又好吃，中午总是排队。",
    "القطار إلى المدينة يغادر كل ساعة من الرصيف الثالث.",
    "किसान बारिश का इंतज़ार कर रहे हैं।",
    "a " + "x" * 150 + " b",
    "A [SEP] in a text, a [MASK], an </s> and a <mask> too",
    "tab\x00null\x07bell\u200bzero\ufeffwidth\xa0space",
    "MIXED case Words McDonald iPhone eBay",
    "under_score-and/slash\\back 3.14 1,000,000 50% #tag @name",
    " ",
    "",
    LONG,
)
PAIRS: tuple[tuple[str, str], ...] = (
    ("how long does the battery last", "The battery of this phone lasts for two days."),
    ("Zoë?", "这家小店的面条又便宜又好吃。 And more."),
    ("short", LONG),
    (LONG, "short"),
    (LONG, LONG),
)
STRATEGIES = ("none", "simple", "first", "average", "max")
