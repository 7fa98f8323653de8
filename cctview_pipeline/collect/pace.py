"""No more requests to a host than its operator allows, however many cameras it has."""

import asyncio
from collections import deque
from collections.abc import Mapping
from urllib.parse import urlsplit

from cctview_pipeline.cameras.protocol import Rate
from cctview_pipeline.limits import RETRY_AFTER_S


class Pace:
    """rates: place (a host and the beginning of a path) -> what is allowed there. What is under none is not held up."""

    def __init__(self, rates: Mapping[str, Rate]) -> None:
        self._places = [_Place(place, rate) for place, rate in sorted(rates.items(), key=lambda each: -len(each[0]))]

    async def turn(self, url: str) -> None:
        """Wait until this address may be asked. Who came first is first."""
        if place := self._place_of(url):
            await place.turn()

    def hold(self, url: str, seconds: float) -> None:
        """The operator has said that it is too much: leave the place alone for so long."""
        if place := self._place_of(url):
            place.hold(min(seconds, RETRY_AFTER_S.most))

    def needs(self, url: str, cameras: int, period_s: float) -> str:
        """A sentence where so many cameras of so long a period need more than is allowed; else empty."""
        place = self._place_of(url)
        if place is None or cameras / period_s <= place.rate.requests / place.rate.seconds:
            return ""
        allowed = int(place.rate.requests / place.rate.seconds * period_s)
        return (
            f"{cameras:,} cameras every {period_s:.0f} s are more than the operator allows: about {allowed:,} can be followed in "
            "their rhythm, so choose some with --cameras; the others' frames are missed."
        )

    def _place_of(self, url: str) -> "_Place | None":
        address = urlsplit(url)
        where = f"{address.hostname}{address.path}"
        return next((place for place in self._places if where.startswith(place.name)), None)


class _Place:
    """A sliding window of the moments at which was asked."""

    def __init__(self, name: str, rate: Rate) -> None:
        self.name, self.rate = name, rate
        self._asked: deque[float] = deque(maxlen=rate.requests)
        self._free_at = 0.0
        self._turns = asyncio.Lock()

    async def turn(self) -> None:
        async with self._turns:
            loop = asyncio.get_running_loop()
            while (wait := self._free(loop.time()) - loop.time()) > 0:
                await asyncio.sleep(wait)
            self._asked.append(loop.time())

    def hold(self, seconds: float) -> None:
        self._free_at = max(self._free_at, asyncio.get_running_loop().time() + seconds)

    def _free(self, now: float) -> float:
        full = len(self._asked) == self.rate.requests
        return max(self._free_at, self._asked[0] + self.rate.seconds if full else now)
