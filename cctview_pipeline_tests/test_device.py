"""Which precision is quick where, and that a result does not depend on it."""

import numpy as np
import pytest
import torch

from cctview_pipeline import device
from cctview_pipeline.device import pick_device, quick_autocast, quick_precision
from cctview_pipeline.embed import default
from cctview_pipeline.embed.default import DefaultExtractor
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.errors import CctviewError

CPU = torch.device("cpu")


def test_a_processor_without_instructions_for_it_never_meets_bfloat16():
    supported = torch.ops.mkldnn._is_mkldnn_bf16_supported()
    assert quick_precision(CPU) == (torch.bfloat16 if supported else torch.float32)
    with quick_autocast(CPU):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == quick_precision(CPU)
    assert quick_precision(torch.device("cuda")) == torch.bfloat16


def test_embeddings_are_the_same_in_either_precision(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    network, crops = ExtractorNetwork(), list(np.random.default_rng(0).integers(0, 255, (3, 20, 30, 3), np.uint8))
    seen = []
    for precision in (torch.bfloat16, torch.float32):
        monkeypatch.setattr(default, "quick_precision", lambda device, precision=precision: precision)
        seen.append(DefaultExtractor(network, "made", CPU).embed(crops))
    assert not np.array_equal(*seen)
    assert (seen[0] * seen[1]).sum(1).min() > 0.999


@pytest.mark.parametrize(("name", "sentence"), [("gpu9", "'gpu9' is no device"), ("cuda", "torch sees no CUDA device")])
def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch, name: str, sentence: str):
    monkeypatch.setattr(device.torch.cuda, "is_available", lambda: False)
    with pytest.raises(CctviewError, match=sentence):
        pick_device(name)
