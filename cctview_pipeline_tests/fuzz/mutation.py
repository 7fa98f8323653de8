"""Mutations that know what files are made of: bits, pieces, length fields, tokens and numbers.

libFuzzer's own are byte by byte; a segment's length that lies, or half a file behind another's beginning, is rarely one of them.
"""

import random
import re
import struct
from collections.abc import Callable, Sequence

_ODD_NUMBERS = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**63)
_ODD_TEXTS = (b"-1", b"0", b"1e999", b"NaN", b"null", b"true", b'""', b"[]", b"{}", b"99999999999999999999", b"-0.0", b"0.5")
_FIELDS = (">B", ">H", "<H", ">I", "<I", ">Q", "<Q")
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")

Mutation = Callable[[bytearray, random.Random], None]


def mutated(data: bytes, dice: random.Random, others: Sequence[bytes], tokens: Sequence[bytes], most: int) -> bytes:
    """One to four changes. others: the corpus, for pieces of it; tokens: of the format; most: bytes."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 4))):
        change = dice.choice(_CHANGES)
        if change is _token and tokens:
            _put(changed, dice, dice.choice(tokens))
        elif change is _splice and others:
            other = dice.choice(others)
            changed[dice.randint(0, len(changed)) :] = other[dice.randint(0, len(other)) :]
        else:
            change(changed, dice)
    return bytes(changed[:most])


def _bit(data: bytearray, dice: random.Random) -> None:
    if data:
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)


def _byte(data: bytearray, dice: random.Random) -> None:
    if data:
        data[dice.randrange(len(data))] = dice.randrange(256)


def _length(data: bytearray, dice: random.Random) -> None:
    """A field of one to eight bytes: an odd number, or a little off."""
    form = dice.choice(_FIELDS)
    size = struct.calcsize(form)
    if len(data) >= size:
        at = dice.randint(0, len(data) - size)
        was = struct.unpack_from(form, data, at)[0]
        value = dice.choice(_ODD_NUMBERS) if dice.random() < 0.5 else was + dice.randint(-8, 8)
        struct.pack_into(form, data, at, value % (1 << 8 * size))


def _cut(data: bytearray, dice: random.Random) -> None:
    begin, end = sorted(dice.randint(0, len(data)) for _ in range(2))
    del data[begin:end]


def _end(data: bytearray, dice: random.Random) -> None:
    """As a transfer that stops."""
    del data[dice.randint(0, len(data)) :]


def _repeat(data: bytearray, dice: random.Random) -> None:
    begin, end = sorted(dice.randint(0, len(data)) for _ in range(2))
    piece = data[begin:end][:256]
    data[end:end] = piece * dice.choice((1, 2, 50))


def _number(data: bytearray, dice: random.Random) -> None:
    """One that stands there in digits."""
    if found := list(_NUMBER.finditer(bytes(data))):
        begin, end = dice.choice(found).span()
        data[begin:end] = dice.choice(_ODD_TEXTS)


def _token(data: bytearray, dice: random.Random) -> None:
    _put(data, dice, dice.choice(_ODD_TEXTS))


def _splice(data: bytearray, dice: random.Random) -> None:
    _repeat(data, dice)


def _put(data: bytearray, dice: random.Random, piece: bytes) -> None:
    """In between, or in place of what is there."""
    at = dice.randint(0, len(data))
    data[at : at + dice.choice((0, len(piece)))] = piece


_CHANGES: tuple[Mutation, ...] = (_bit, _byte, _length, _length, _cut, _end, _repeat, _number, _token, _token, _splice)
