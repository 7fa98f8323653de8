"""Models: the manifest, files of weights, and where they are downloaded from."""
