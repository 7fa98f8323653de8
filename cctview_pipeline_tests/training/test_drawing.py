from pathlib import Path

import pytest

from cctview_pipeline.training.drawing import draw_all


def draw(path: Path) -> None:
    path.write_text("drawn")


def fail(path: Path) -> None:
    raise OSError("no space left")


@pytest.mark.timeout(60)
def test_more_cities_than_processes_are_all_drawn(tmp_path: Path):
    cities = [tmp_path / str(number) for number in range(40)]
    draw_all(draw, cities)
    assert all(city.read_text() == "drawn" for city in cities)


def test_what_goes_wrong_in_a_process_is_told(tmp_path: Path):
    with pytest.raises(OSError, match="no space left"):
        draw_all(fail, [tmp_path / "city"])
