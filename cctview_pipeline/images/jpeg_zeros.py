"""Zero bytes where a picture's coded data should be: what files have that were laid out before they were written, and what lost
packets leave.

A decoder warns of nothing: zero bits are codes like others. But in almost every picture they are codes that no camera writes so
often in a row; where they mean blocks without any detail, as optimised tables may have it, nothing can be told from them.
"""

from collections.abc import Iterable, Mapping

from cctview_pipeline.images import BadPicture

LONG = 64
"""Zero bytes in a row that no coded picture has. Measured: the most in 7,213 frames of four cities is 16."""
_LEFT = 8
"""Zero bytes of a longer row that are left at a scan's end: its last codes may be some."""


def zero_codes(tables: bytes) -> dict[int, int]:
    """Of a DHT segment: class and number of every table -> what its code of nothing but zeros means, which is always its first
    value (ITU T.81, annex C)."""
    found, position = {}, 4
    while position + 17 < len(tables):
        found[tables[position]] = tables[position + 17]
        position += 17 + sum(tables[position + 1 : position + 17])
    return found


def are_flat(selectors: Iterable[int], codes: Mapping[int, int], first: int, last: int) -> bool:
    """Whether zero bits are blocks without detail in a scan. selectors: the numbers of the components' DC and AC tables, four
    bits each; codes: of zero_codes; first, last: coefficients of the scan."""
    for each in selectors:
        if first == 0 and codes.get(each >> 4) != 0:
            return False
        if last > 0 and ((code := codes.get(0x10 | each & 15)) is None or code & 15 or code == 0xF0):
            return False
    return True


def without_padding(scan: bytes) -> bytes:
    """A scan less the zero bytes at its end that pad it. Raises BadPicture for a long row of them before that."""
    coded = scan.rstrip(b"\0")
    if bytes(LONG) in coded:
        raise BadPicture("undecodable", "A part of it is nothing but zero bytes: it was not written, or got lost on its way.")
    return scan[: len(coded) + _LEFT]
