"""The server's hash of workflow ids: numbers made with Google's own FarmHash, one for each way through it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from rules.fingerprint import fingerprint32
from rules.routing import predict_native

#: (text, Fingerprint32 of its UTF-8 bytes), by the C++ library.
KNOWN = [
    ("", 3696677242),
    ("a", 1016544589),
    ("abcd", 2562006677),
    ("abcde", 2750637740),
    ("ñandú", 1623478460),
    ("x" * 12, 1474117628),
    ("x" * 13, 2752679315),
    ("x" * 20, 1344847244),
    ("x" * 24, 2427577865),
    ("x" * 25, 35736989),
    ("x" * 45, 1217148320),
    ("y" * 64, 720448822),
    ("z" * 65, 338995426),
    ("q" * 200, 530004694),
    ("purchase-0199c0de-0000-7000-8000-000000000001", 2725920414),
]


@pytest.mark.parametrize(("text", "expected"), KNOWN, ids=[f"{len(text)} letters" for text, _ in KNOWN])
def test_the_fingerprint_is_that_of_farmhash(text: str, expected: int) -> None:
    assert fingerprint32(text.encode()) == expected


def test_a_workflow_is_on_the_ramp_from_the_share_that_its_fingerprint_says() -> None:
    workflow_id = "purchase-0199c0de-0000-7000-8000-000000000001"
    at = Decimal(2725920414 * 100) / 2**32  # 63.46... percent
    assert predict_native(workflow_id, at)
    assert not predict_native(workflow_id, at - Decimal("0.000001"))
