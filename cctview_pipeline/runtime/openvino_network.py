"""A network in OpenVINO's form, as it runs on processors: no PyTorch is needed, and in 8-bit integers it is quicker than there.

The form is stored beside the weights it was made from (openvino_form.py makes it). docs/detector.md has the
measurements behind the choice.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from cctview_pipeline.runtime.device import threads

if TYPE_CHECKING:
    import openvino as ov

FORM = "openvino."
"""How the names of its two files begin among a model's tensors: ``openvino.xml`` and ``openvino.bin``, as bytes."""
Outputs: TypeAlias = tuple[np.ndarray, ...]


class OpenVinoNetwork:
    """Batches of one size or of many, each computed by one of some threads; threads that share it don't disturb each other.

    depth: batches that may be under way at a time, so that no thread waits.
    """

    def __init__(self, files: Mapping[str, Any]) -> None:
        """files: the two of :data:`FORM`, arrays or tensors of bytes."""
        import openvino as ov

        count = threads()
        self._core = ov.Core()
        self._model = self._core.read_model(*(np.asarray(files[f"{FORM}{part}"]).tobytes() for part in ("xml", "bin")))
        self._settings = {
            "NUM_STREAMS": count,
            "INFERENCE_NUM_THREADS": count,
            "INFERENCE_PRECISION_HINT": "f32",  # of the layers that are not in integers
            "ENABLE_CPU_PINNING": False,  # two processes would be pinned to the same cores
        }
        self.depth = 2 * count
        self._compiled: dict[tuple[int, ...], ov.CompiledModel] = {}
        self._idle: dict[tuple[int, ...], list[ov.InferRequest]] = defaultdict(list)
        self._turn = threading.Lock()

    @property
    def width(self) -> int:
        """The last dimension of what it gives first."""
        return self._model.output(0).partial_shape[-1].get_length()

    def start(self, batch: np.ndarray) -> Callable[[], Outputs]:
        """Begin with a batch; its outputs are waited for when they are asked for."""
        shape = batch.shape
        request = self._request(shape)
        request.start_async([batch])

        def result() -> Outputs:
            request.wait()
            # Copies, or the next batch would be written into them.
            found = tuple(np.array(request.get_output_tensor(i).data) for i in range(len(self._model.outputs)))
            with self._turn:
                self._idle[shape].append(request)
            return found

        return result

    def _request(self, shape: tuple[int, ...]) -> "ov.InferRequest":
        with self._turn:
            if self._idle[shape]:
                return self._idle[shape].pop()
            if shape not in self._compiled:
                model = self._model.clone()
                model.reshape(list(shape))
                self._compiled[shape] = self._core.compile_model(model, "CPU", self._settings)
            return self._compiled[shape].create_infer_request()
