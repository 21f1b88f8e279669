"""FarmHash Fingerprint32, by which Temporal's server places workflow ids on a ramp. Knows no build, no share."""

from __future__ import annotations

from typing import Final

_C1: Final = 0xCC9E2D51
_C2: Final = 0x1B873593
_MIX: Final = 0xE6546B64
_MASK: Final = 0xFFFFFFFF


def fingerprint32(data: bytes) -> int:
    """The 32-bit fingerprint of `data`, from 0 to 2**32 - 1.

    The same number as `farmhashmk` of Google's FarmHash, which fixed it for ever in 2014.
    """
    length = len(data)
    if length <= 4:
        return _up_to_4(data)
    if length <= 12:
        return _up_to_12(data)
    if length <= 24:
        return _up_to_24(data)
    return _longer(data)


def _fetch(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 4], "little")


def _rotate(value: int, shift: int) -> int:
    return (value >> shift | value << (32 - shift)) & _MASK


def _finish(h: int) -> int:
    h ^= h >> 16
    h = h * 0x85EBCA6B & _MASK
    h ^= h >> 13
    h = h * 0xC2B2AE35 & _MASK
    return h ^ h >> 16


def _mur(a: int, h: int) -> int:
    a = _rotate(a * _C1 & _MASK, 17) * _C2 & _MASK
    return (_rotate(h ^ a, 19) * 5 + _MIX) & _MASK


def _up_to_4(data: bytes) -> int:
    b, c = 0, 9
    for byte in data:
        signed = byte - 256 if byte > 127 else byte
        b = (b * _C1 + signed) & _MASK
        c ^= b
    return _finish(_mur(b, _mur(len(data), c)))


def _up_to_12(data: bytes) -> int:
    length = len(data)
    a = c = d = length
    b = d = length * 5
    c = 9
    a = (a + _fetch(data, 0)) & _MASK
    b = (b + _fetch(data, length - 4)) & _MASK
    c = (c + _fetch(data, (length >> 1) & 4)) & _MASK
    return _finish(_mur(c, _mur(b, _mur(a, d))))


def _up_to_24(data: bytes) -> int:
    length = len(data)
    a = _fetch(data, (length >> 1) - 4)
    b = _fetch(data, 4)
    c = _fetch(data, length - 8)
    d = _fetch(data, length >> 1)
    e = _fetch(data, 0)
    f = _fetch(data, length - 4)
    h = (d * _C1 + length) & _MASK
    a = (_rotate(a, 12) + f) & _MASK
    h = (_mur(c, h) + a) & _MASK
    a = (_rotate(a, 3) + c) & _MASK
    h = (_mur(e, h) + a) & _MASK
    a = (_rotate((a + f) & _MASK, 12) + d) & _MASK
    h = (_mur(b, h) + a) & _MASK
    return _finish(h)


def _scramble(word: int) -> int:
    return _rotate(word * _C1 & _MASK, 17) * _C2 & _MASK


def _fold(h: int, word: int) -> int:
    return (_rotate(h ^ word, 19) * 5 + _MIX) & _MASK


def _longer(data: bytes) -> int:
    length = len(data)
    h, g, f = length, _C1 * length & _MASK, _C1 * length & _MASK
    a0, a1, a2, a3, a4 = (_scramble(_fetch(data, length - back)) for back in (4, 8, 16, 12, 20))
    h = _fold(_fold(h, a0), a2)
    g = _fold(_fold(g, a1), a3)
    f = (_rotate((f + a4) & _MASK, 19) + 113) & _MASK
    for at in range(0, (length - 1) // 20 * 20, 20):
        a, b, c, d, e = (_fetch(data, at + step) for step in (0, 4, 8, 12, 16))
        h, g, f = (h + a) & _MASK, (g + b) & _MASK, (f + c) & _MASK
        h = (_mur(d, h) + e) & _MASK
        g = (_mur(c, g) + a) & _MASK
        f = (_mur((b + e * _C1) & _MASK, f) + d) & _MASK
        f, g = (f + g) & _MASK, (g + f + g) & _MASK
    g = _rotate(_rotate(g, 11) * _C1 & _MASK, 17) * _C1 & _MASK
    f = _rotate(_rotate(f, 11) * _C1 & _MASK, 17) * _C1 & _MASK
    h = _rotate((h + g) & _MASK, 19)
    h = _rotate((h * 5 + _MIX) & _MASK, 17) * _C1 & _MASK
    h = _rotate((h + f) & _MASK, 19)
    return _rotate((h * 5 + _MIX) & _MASK, 17) * _C1 & _MASK
