"""CCTView's original detector: RetinaNet with a ResNet-50, trained on COCO, in the file format of Keras 2.

TensorFlow and torchvision in one process can abort, so the network runs in a process of its own (:mod:`.worker`), to which
the pipeline's process (:mod:`.detector`, :mod:`.process`) speaks in Arrow.
"""
