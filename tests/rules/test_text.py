"""What people type is kept as they typed it, or refused where a store or a screen could not hold it safely."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.errors import Invalid, InvalidFields
from rules.text import LONGEST_WHY, clean_text, judge_why


def refusal(text: str, *, longest: int = 100, required: bool = True) -> str:
    """Why the text is refused."""
    with pytest.raises(Invalid) as refused:
        clean_text(text, "reason", longest, required=required)
    assert refused.value.field == "reason"
    return refused.value.message


@pytest.mark.parametrize(
    "text",
    [
        "A keyboard, because mine lost its ñ.",
        "naïve café – “quoted” … 100 % ¿sí?",
        "cafe\u0301 in letters and accents apart",
        "Việt Nam, ằ in parts: a\u0306\u0300",
        "日本語の理由、全角ＡＢＣ１２",
        "한국어 이유",
        "سبب الطلب",
        "סיבה עם נִקּוּד: שָׁלוֹם",
        "हिन्दी में कारण",
        "ภาษาไทยที่ดี",
        "Ελληνικά, русский, ქართული",
        "İstanbul, Straße, ﬁ",
        "1 < 2 & 3 > 2; DROP TABLE request; --",
        '<script>alert(1)</script> "><img src=x onerror=alert(1)>',
        "{{7*7}} ${7*7} {% for x in y %} %s%n {0.__class__}",
        "one\ttab",
        "two\nlines",
    ],
)
def test_what_people_write_passes_unchanged(text: str) -> None:
    assert clean_text(text, "reason", 100) == text


@pytest.mark.parametrize(
    "emoji",
    [
        "😀", "👍🏽", "❤️", "1️⃣", "🇪🇸", "👨‍👩‍👧‍👦", "👩‍💻", "👩🏽‍💻", "👨‍⚕️", "🧑‍🦰", "🏳️‍🌈", "❤️‍🔥",
        "👁️‍🗨️", "🐦‍⬛", "🙂‍↔️", "🏃🏽‍♀️‍➡️",
        "\U0001fae8", "\U0001fa77", "\U0001fae9",
    ],
)  # fmt: skip
def test_emoji_pass_also_joined_and_young_ones(emoji: str) -> None:
    assert clean_text(emoji, "reason", 20) == emoji
    assert clean_text(f"please {emoji} thanks", "reason", 40) == f"please {emoji} thanks"


@pytest.mark.parametrize(
    ("hidden", "named"),
    [
        ("\x00", "U+0000"),
        ("\x07", "U+0007"),
        ("\x1b[31m", "U+001B"),
        ("\r", "U+000D"),
        ("\x7f", "U+007F"),
        ("\x85x", "U+0085"),
        ("\ud800", "U+D800"),
        ("\udfff", "U+DFFF"),
        ("\u202e", "U+202E"),
        ("\u2066", "U+2066"),
        ("\u200f", "U+200F"),
        ("\u200b", "U+200B"),
        ("\u200c", "U+200C"),
        ("\u200d", "U+200D"),
        ("\u2060", "U+2060"),
        ("\ufeff", "U+FEFF"),
        ("\u00ad", "U+00AD"),
        ("\u061c", "U+061C"),
        ("\u034f", "U+034F"),
        ("\u3164", "U+3164"),
        ("\u2800", "U+2800"),
        ("\ue000", "U+E000"),
        ("\ufffe", "U+FFFE"),
        ("\U000e0041", "U+E0041"),
        ("\U000e0001", "U+E0001"),
        ("\U0010ffff", "U+10FFFF"),
    ],
)
def test_what_hides_or_reverses_text_is_refused_by_its_number(hidden: str, named: str) -> None:
    assert refusal(f"before{hidden}after") == f"The text holds a character that cannot be shown ({named})."


@pytest.mark.parametrize(
    "text",
    ["a\u200d😀", "😀\u200da", "😀\u200d", "\u200d😀", "😀\u200d\u200d😀", "🏴\U000e0067\U000e007f"],
)
def test_the_joiner_of_emoji_passes_between_two_of_them_only(text: str) -> None:
    assert "cannot be shown" in refusal(text)


@pytest.mark.parametrize("mark", ["\u0301", "\u20e3", "\ufe0f", "\u0e31", "\U000e0100"])
def test_marks_stacked_on_one_letter_are_refused(mark: str) -> None:
    assert clean_text("a" + mark * 8, "reason", 100) == "a" + mark * 8
    assert refusal("a" + mark * 9) == "The text stacks too many accents on one letter."


@pytest.mark.parametrize("text", ["\u0301", "\ufe0f", "\ufe0f \u0301"])
def test_text_of_nothing_that_shows_is_refused(text: str) -> None:
    assert refusal(text) == "The text holds nothing that can be seen."
    assert refusal(text, required=False) == "The text holds nothing that can be seen."


@pytest.mark.parametrize("text", ["", "   ", "\r\n", "\u3000\n\t"])
def test_nothing_is_refused_only_where_something_is_required(text: str) -> None:
    assert refusal(text) == "Please fill this in."
    assert clean_text(text, "reason", 100, required=False) == ""


def test_line_breaks_of_a_form_become_plain_ones_and_space_around_goes() -> None:
    assert clean_text("  one\r\ntwo\r\n\r\nthree \r\n", "reason", 100) == "one\ntwo\n\nthree"


def test_length_is_counted_in_characters_after_cleaning() -> None:
    assert clean_text(" " * 50 + "😀" * 10 + "\r\n", "reason", 10) == "😀" * 10
    assert refusal("x" * 11, longest=10) == "Please use at most 10 characters; these are 11."
    assert refusal("x" * 1_000_000, longest=2000) == "Please use at most 2000 characters; these are 1000000."


@given(st.text(st.characters(codec=None), max_size=60))
def test_any_text_is_refused_or_safe_to_store_and_stays_as_it_is(text: str) -> None:
    try:
        cleaned = clean_text(text, "reason", 50)
    except Invalid:
        return
    assert cleaned.encode("utf-8")
    assert "\x00" not in cleaned
    assert cleaned in text.replace("\r\n", "\n")
    assert clean_text(cleaned, "reason", 50) == cleaned


@given(
    st.text(st.characters(categories=["L", "N", "P", "Zs"], exclude_characters="\u115f\u1160\u3164\uffa0"))
)
def test_letters_digits_and_punctuation_of_every_script_pass(text: str) -> None:
    typed = f"x{text}x"
    assert clean_text(typed, "reason", 10_000) == typed


@given(st.characters(categories=["Cc", "Cf", "Cs", "Co"], exclude_characters="\n\t"))
def test_no_control_format_private_or_half_character_passes_alone(character: str) -> None:
    assert unicodedata.category(character).startswith("C")
    assert f"U+{ord(character):04X}" in refusal(f"a{character}b")


def test_a_reason_is_cleaned_and_has_an_end() -> None:
    assert judge_why("  It eats orders. ") == "It eats orders."
    assert judge_why("x" * LONGEST_WHY)
    with pytest.raises(InvalidFields) as refused:
        judge_why("x" * (LONGEST_WHY + 1))
    assert "at most 500" in refused.value.problems["why"]
    assert judge_why("x" * (LONGEST_WHY + 1), 1000)


@pytest.mark.parametrize("text", ["", "  \n"])
def test_without_a_reason_somebody_is_asked_for_it(text: str) -> None:
    with pytest.raises(InvalidFields) as refused:
        judge_why(text)
    assert refused.value.problems == {"why": "Please say why."}
