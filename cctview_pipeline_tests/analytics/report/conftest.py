"""As if the counter's errors had been measured with the model of these tests: without that figures have no intervals."""

from collections.abc import Iterator

import pytest

from cctview_pipeline.analytics import known_bias


@pytest.fixture(scope="package", autouse=True)
def bias_is_known() -> Iterator[None]:
    said = {"value": 0.0, "spread": 5.0, "support": 100}
    measured = {"model": "made up", "on": "a test", "measures": dict.fromkeys(known_bias.MEASURES, said)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(known_bias, "_measured", lambda: measured)
        yield
