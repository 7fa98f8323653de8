"""Which device and how many threads a model gets, which precision is quick where, and that results do not depend on it."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from cctview_pipeline.embed import torch_backend
from cctview_pipeline.embed.network import ExtractorNetwork
from cctview_pipeline.embed.torch_backend import extractor_of
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.runtime import device
from cctview_pipeline.runtime.device import pick_device, quick_autocast, quick_precision, set_threads, threads, torch_device

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
        monkeypatch.setattr(torch_backend, "quick_precision", lambda device, precision=precision: precision)
        seen.append(extractor_of(network, "made").embed(crops))
    assert not np.array_equal(*seen)
    assert (seen[0] * seen[1]).sum(1).min() > 0.999


@pytest.mark.parametrize(("name", "sentence"), [("gpu9", "'gpu9' is no device"), ("cuda", "torch sees no CUDA device")])
def test_devices_that_are_not_there(monkeypatch: pytest.MonkeyPatch, name: str, sentence: str):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(CctviewError, match=sentence):
        pick_device(name)


def test_a_gpu_is_taken_where_there_is_one(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(device, "_may_have_gpu", lambda: True)
    assert [pick_device(name) for name in ("auto", "cuda", "cuda:1", "cpu")] == ["cuda", "cuda", "cuda:1", "cpu"]


def test_without_a_gpu_nobody_imports_torch_to_ask():
    code = (
        "import sys; from cctview_pipeline.runtime import device; device._may_have_gpu = lambda: False; "
        "print(device.pick_device(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["cpu", "False"]


def test_one_setting_of_threads_for_all_that_runs_models(monkeypatch: pytest.MonkeyPatch):
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "_threads", 0)
    try:
        assert threads() >= 1
        set_threads(0)
        assert threads() == torch.get_num_threads() == 1
        torch.set_num_threads(3)  # as if PyTorch had come later
        torch_device("cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)
