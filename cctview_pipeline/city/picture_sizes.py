"""How large the pictures of a city's cameras are: ``1280x720`` of all, ``720x576:city-3`` of one."""

import re
from collections.abc import Sequence

from cctview_pipeline.city.mounts import HEIGHT, WIDTH
from cctview_pipeline.errors import ConfigurationError
from cctview_pipeline.images.size import Size

SMALLEST, LARGEST = 64, 4096
"""px a side: a picture beyond is no camera's, or takes minutes to draw."""
_SIZE = re.compile(r"([1-9]\d{1,4})x([1-9]\d{1,4})")


def picture_sizes(texts: Sequence[str], known: Sequence[str]) -> dict[str, Size]:
    """Camera id -> width and height, px; of what is said twice of a camera the last holds. known: the city's cameras. Raises
    CctviewError, with what is known, for anything else."""
    sizes = dict.fromkeys(known, (WIDTH, HEIGHT))
    for text in texts:
        said, _, camera = text.partition(":")
        found = _SIZE.fullmatch(said)
        if not found:
            raise ConfigurationError(f"'{text}' is no size of a picture: write width and height in pixels, such as 1280x720.")
        size = int(found[1]), int(found[2])
        if min(size) < SMALLEST or max(size) > LARGEST:
            raise ConfigurationError(f"The city draws pictures of {SMALLEST} to {LARGEST} pixels a side, not '{said}'.")
        if camera and camera not in known:
            raise ConfigurationError(f"The city has no camera named '{camera}': known are {', '.join(known)}.")
        sizes |= dict.fromkeys([camera] if camera else known, size)
    return sizes
