"""Text that people type: what a store and a screen can hold safely. Knows no field, no language."""

from __future__ import annotations

import unicodedata
from typing import Final

from rules.errors import Invalid, InvalidFields

#: A reason is a sentence or two, read in a table by somebody who was not there.
LONGEST_WHY: Final = 500

_JOINER: Final = "\u200d"
_EMOJI_STYLE: Final = "\ufe0f"
#: Letters, marks and a symbol that show nothing: fillers, vowels without a glyph, the blank of Braille.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
#: Combining marks in a row; no living script stacks as many on one letter.
_MOST_MARKS: Final = 8


def clean_text(text: str, field: str, longest: int, *, required: bool = True) -> str:
    """The text without surrounding space; raises Invalid for what a store or a screen cannot hold safely.

    Line breaks and tabs are kept. Refused: control characters, lone surrogates, characters that reverse
    or hide text (bidirectional overrides, zero-width, tag and blank characters), and text of nothing
    that shows. The joiner of emoji passes between two of them only.
    """
    cleaned = text.replace("\r\n", "\n").strip()
    if required and not cleaned:
        raise Invalid("Please fill this in.", field)
    if len(cleaned) > longest:
        raise Invalid(f"Please use at most {longest} characters; these are {len(cleaned)}.", field)
    for before, character, after in zip("\n" + cleaned, cleaned, cleaned[1:] + "\n", strict=False):
        joins = character == _JOINER and _ends_a_symbol(before) and _is_symbol(after)
        if not (joins or _is_safe(character)):
            raise Invalid(f"The text holds a character that cannot be shown (U+{ord(character):04X}).", field)
    if _longest_run_of_marks(cleaned) > _MOST_MARKS:
        raise Invalid("The text stacks too many accents on one letter.", field)
    if cleaned and not any(_shows(character) for character in cleaned):
        raise Invalid("The text holds nothing that can be seen.", field)
    return cleaned


def judge_why(text: str, longest: int = LONGEST_WHY) -> str:
    """Why somebody does something, as it is kept; raises InvalidFields for the field `why`."""
    if not text.strip():
        raise InvalidFields({"why": "Please say why."})
    try:
        return clean_text(text, "why", longest)
    except Invalid as refusal:
        raise InvalidFields({"why": refusal.message}) from None


def _is_safe(character: str) -> bool:
    if character in _BLANK:
        return False
    return unicodedata.category(character)[0] != "C" or character in "\n\t" or _is_young_emoji(character)


def _is_young_emoji(character: str) -> bool:
    """Whether it lies among the pictographs, though this Python's tables may be older than it is."""
    return "\U0001f300" <= character <= "\U0001faff" and unicodedata.category(character) == "Cn"


def _shows(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNPS" or _is_young_emoji(character)


def _is_symbol(character: str) -> bool:
    return unicodedata.category(character) in {"So", "Sm"} or _is_young_emoji(character)


def _ends_a_symbol(character: str) -> bool:
    return _is_symbol(character) or character == _EMOJI_STYLE or unicodedata.category(character) == "Sk"


def _longest_run_of_marks(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if unicodedata.category(character) in {"Mn", "Me"} else 0
        longest = max(longest, run)
    return longest
