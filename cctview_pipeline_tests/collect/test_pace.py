"""No more requests to a place than its operator allows."""

import asyncio

import pytest

from cctview_pipeline.cameras.protocol import Rate
from cctview_pipeline.collect.pace import Pace

API, PICTURES = "https://a.org/api/list", "https://a.org/map/1.jpg"


async def moments(pace: Pace, url: str, count: int) -> list[float]:
    """When that many who come at once have had their turn."""
    loop, begun = asyncio.get_running_loop(), asyncio.get_running_loop().time()

    async def one() -> float:
        await pace.turn(url)
        return loop.time() - begun

    return sorted(await asyncio.gather(*(one() for _ in range(count))))


def test_a_window_of_so_many_seconds_holds_so_many():
    found = asyncio.run(moments(Pace({"a.org/api/": Rate(3, 0.2)}), API, 8))
    assert found[2] < 0.1
    assert all(later - earlier >= 0.19 for earlier, later in zip(found, found[3:], strict=False))
    assert found[-1] < 0.8


def test_another_path_of_the_host_has_no_limit():
    assert asyncio.run(moments(Pace({"a.org/api/": Rate(1, 60)}), PICTURES, 50))[-1] < 0.1


def test_who_was_told_that_it_is_too_much_waits():
    async def run() -> list[float]:
        pace = Pace({"a.org/api/": Rate(100, 1)})
        pace.hold(API, 0.3)
        pace.hold(PICTURES, 60)
        return [*await moments(pace, API, 1), *await moments(pace, PICTURES, 1)]

    waited, other = asyncio.run(run())
    assert waited >= 0.29
    assert other < 0.1


@pytest.mark.parametrize(
    ("cameras", "told"), [(600, ""), (2200, "2,200 cameras every 600 s are more than the operator allows: about 600")]
)
def test_more_cameras_than_can_be_asked_are_told_before(cameras: int, told: str):
    said = Pace({"a.org/": Rate(60, 60)}).needs(PICTURES, cameras, 600.0)
    assert said.startswith(told)
    assert bool(said) == bool(told)
