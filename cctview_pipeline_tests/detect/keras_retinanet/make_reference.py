"""Makes reference.json: what ImageAI 2.1.5's own RetinaNet finds in the seeded images with the seeded weights.

That is the implementation CCTView ran, written for Keras 2 and TensorFlow 1. It needs an environment of its own:

    python3.11 -m venv imageai2
    imageai2/bin/pip install tensorflow==2.21.0 tf-keras==2.21.0 h5py==3.14.0 opencv-python-headless pillow scipy
    imageai2/bin/pip install --no-deps imageai==2.1.5
    PYTHONPATH=. imageai2/bin/python -m cctview_pipeline_tests.detect.keras_retinanet.make_reference

Names that have gone since are given back before it is imported: ``keras`` is tf-keras, and ``tf.image.resize_images`` is
TensorFlow 1's, which still exists as ``tf.compat.v1.image.resize_images``. The frozen normalisation and an initializer take
what tf-keras hands them and do what they did. ``imageai.Detection`` is not imported itself (it loads YOLOv3 too), so the last
four lines of its ``detectObjectsFromImage`` before boxes become whole numbers stand here.
"""

import importlib
import json
import os
import sys
import types
from importlib.metadata import distribution, version
from pathlib import Path

import numpy as np

from cctview_pipeline.detect.keras_retinanet.layout import Layer, layers
from cctview_pipeline_tests.factories import keras_weights

REFERENCE = Path(__file__).with_name("reference.json")


def import_imageai() -> tuple[types.ModuleType, types.ModuleType]:
    """ImageAI's modules with the network and with the images' preparation."""
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    import tensorflow as tf
    import tf_keras

    tf.image.resize_images = tf.compat.v1.image.resize_images
    sys.modules["keras"] = tf_keras
    for name in ("backend", "layers", "models", "regularizers", "initializers"):
        sys.modules[f"keras.{name}"] = importlib.import_module(f"tf_keras.{name}")
    for name, initializer in {"normal": "RandomNormal", "zeros": "Zeros"}.items():
        setattr(tf_keras.initializers, name, getattr(tf_keras.initializers, initializer))
    detection = types.ModuleType("imageai.Detection")
    detection.__path__ = [str(distribution("imageai").locate_file("imageai/Detection"))]
    sys.modules["imageai.Detection"] = detection
    frozen = importlib.import_module("imageai.Detection.keras_resnet.layers").BatchNormalization
    frozen.call = lambda self, inputs, training=None: super(frozen, self).call(inputs, training=not self.freeze)
    prior = importlib.import_module("imageai.Detection.keras_retinanet.initializers").PriorProbability
    as_numpy = prior.__call__
    prior.__call__ = lambda self, shape, dtype=None: as_numpy(self, shape, "float32")
    return tuple(
        importlib.import_module(f"imageai.Detection.keras_retinanet.{name}") for name in ("models.resnet", "utils.image")
    )


def find(model, images, image: np.ndarray) -> dict[str, list]:
    """What ImageAI does with one image: boxes, scores and classes of everything above 0.05."""
    prepared, scale = images.resize_image(images.preprocess_image(images.read_image_array(image)), min_side=800, max_side=1333)
    _, _, detections = model.predict_on_batch(np.expand_dims(prepared, axis=0))
    predicted = np.argmax(detections[0, :, 4:], axis=1)
    scores = detections[0, np.arange(detections.shape[1]), 4 + predicted]
    detections[0, :, :4] /= scale
    order = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores)]
    return {
        "size": list(image.shape[:2]),
        "boxes": np.round(detections[0, order, :4].astype(float), 5).tolist(),
        "scores": np.round(scores[order].astype(float), 7).tolist(),
        "classes": predicted[order].tolist(),
    }


def main() -> None:
    resnet, images = import_imageai()
    model = resnet.resnet50_retinanet(num_classes=80)
    layout = layers()
    own = [Layer(layer.name, tuple((w.name, tuple(w.shape)) for w in layer.weights)) for layer in model.layers if layer.weights]
    if own != layout:
        raise SystemExit("ImageAI's own layers are not those of layout.py.")
    arrays, path = keras_weights.seeded_layers(layout), Path("seeded.h5")
    keras_weights.write_weights(path, arrays, layout)
    model.load_weights(path)
    reference = {
        "versions": {name: version(name) for name in ("imageai", "tf-keras", "tensorflow", "numpy", "opencv-python-headless")},
        "weights": keras_weights.digest([array for each in arrays.values() for array in each]),
        "images": keras_weights.digest(keras_weights.seeded_images()),
        "found": [find(model, images, image) for image in keras_weights.seeded_images()],
    }
    path.unlink()
    REFERENCE.write_text(json.dumps(reference) + "\n")


if __name__ == "__main__":
    main()
