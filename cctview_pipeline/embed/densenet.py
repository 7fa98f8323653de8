"""CCTView's original extractor: DenseNet201 tuned on VeRi, with the original file format and preprocessing.

The network and its weights are those of the track-to-track study (arXiv 1910.09458); an embedding is what comes before the
classifier, neither rectified nor of one length.
"""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torchvision import transforms
from torchvision.models import densenet201

from cctview_pipeline.embed import Space
from cctview_pipeline.errors import ModelError
from cctview_pipeline.images import ImageLike, decode
from cctview_pipeline.registry.manifest import ModelEntry, check_file
from cctview_pipeline.registry.state_dicts import load_checked
from cctview_pipeline.runtime.device import torch_device

DIMENSION, IDENTITIES = 1920, 576
_PREPARE = transforms.Compose(
    [
        transforms.Resize(256),
        transforms.CenterCrop(224),
        transforms.ToTensor(),
        transforms.Normalize([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
    ]
)


class DenseNetVeri(nn.Module):
    """(B, 3, 224, 224), normalised as for ImageNet -> (B, 1920)."""

    def __init__(self) -> None:
        super().__init__()
        self.features = densenet201().features
        self.pool = nn.AvgPool2d(7, stride=1)
        self.classifier = nn.Linear(DIMENSION, IDENTITIES)
        """Of the training's vehicles: in the file, but of no use to others."""

    def forward(self, images: Tensor) -> Tensor:
        return self.pool(self.features(images)).flatten(1)


class DenseNetExtractor:
    """The published extractor. About 8 crops a second on one processor core."""

    dimension = DIMENSION

    def __init__(self, network: DenseNetVeri, version: str, device: torch.device) -> None:
        self.version = version
        self._device = device
        self._network = network.eval().to(device).to(memory_format=torch.channels_last)

    @classmethod
    def load(cls, entry: ModelEntry, device: str) -> "DenseNetExtractor":
        check_file(entry)
        try:
            state = torch.load(entry.path, map_location="cpu", weights_only=True)
        except Exception as error:  # whatever unpickling may raise
            raise ModelError(f"The weights {entry.path} are no PyTorch state dict of tensors: another file is needed.") from error
        network = DenseNetVeri()
        load_checked(network, state, str(entry.path))
        return cls(network, entry.version, torch_device(device))

    def embed(self, crops: Sequence[ImageLike], space: Space = "own", batch: int = 16) -> np.ndarray:
        """RGB uint8 arrays (H, W, 3) of any size, or their bytes -> (N, 1920) float32; both spaces are the same."""
        embeddings = np.zeros((len(crops), DIMENSION), np.float32)
        for begin in range(0, len(crops), batch):
            prepared = torch.stack([_PREPARE(Image.fromarray(decode(crop))) for crop in crops[begin : begin + batch]])
            embeddings[begin : begin + batch] = self._embed_batch(prepared)
        return embeddings

    @torch.inference_mode()
    def _embed_batch(self, images: Tensor) -> np.ndarray:
        inputs = images.to(self._device, non_blocking=True, memory_format=torch.channels_last)
        return self._network(inputs).cpu().numpy()
