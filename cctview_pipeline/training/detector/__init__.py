"""Datasets, pseudo-labels, augmentation and recipes of the detector."""
