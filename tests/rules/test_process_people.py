"""How texts name people."""

from __future__ import annotations

from uuid import UUID

from rules.process_people import ids_in, with_names


def test_people_are_named_in_texts_and_other_ids_stay() -> None:
    ana, order = UUID(int=7), UUID(int=8)
    text = f"May {ana} travel? {ana} asked, for {order}."
    assert ids_in(text) == [ana, order]
    assert with_names(text, {ana: "Ana Alonso"}) == f"May Ana Alonso travel? Ana Alonso asked, for {order}."


def test_a_text_without_ids_is_left_alone() -> None:
    assert ids_in("PR-2026-000123 of 1234") == []
    assert with_names("PR-2026-000123 of 1234", {}) == "PR-2026-000123 of 1234"
