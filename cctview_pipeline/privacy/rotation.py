"""Embeddings turned by their day's key, so that they can be compared within the day, and with other days only while keys exist.

Every stored embedding is multiplied by a random orthogonal matrix that follows from the key of its UTC day. Products with one
matrix keep all distances and angles; compared as they stand, embeddings under two matrices match by chance.

What this does not do: whatever keeps distances keeps the shape of a whole day's embeddings. Who holds the tables of two days can
lay one on the other, by a few dozen pictures known on both days (orthogonal Procrustes) or, where camera and light are the same,
by that shape alone: then a destroyed key protects nothing (benchmarks/rotation.py measures both). It keeps readers of the lake,
this pipeline first, from linking days; who copied the tables is stopped only by embeddings that retention deleted before.
"""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from cctview_pipeline.embed.tables import embedding_matrix
from cctview_pipeline.errors import CctviewError
from cctview_pipeline.lake.schemas import schema_of
from cctview_pipeline.privacy.keys import DayKey, KeyStore


def seal(features: pa.Table, key: DayKey) -> pa.Table:
    """features as they come from a model -> the same in the key's period. Raises ValueError when they are in one already."""
    if pc.any(pc.not_equal(features["period"], "")).as_py():
        raise ValueError("These features are rotated already.")
    vectors = embedding_matrix(features)
    periods = pa.array([f"{key.day}#{key.fingerprint}"] * len(vectors), pa.string())
    return _with(features, vectors @ key.rotation(vectors.shape[1]), periods)


def period_of(features: pa.Table) -> str | None:
    """The period of features, the newest if they have several; empty for what was never rotated, None for no rows."""
    return pc.max(_periods(features)).as_py() if features.num_rows else None


def in_period(features: pa.Table, period: str | None, keys: KeyStore | None = None) -> pa.Table:
    """Features of any periods -> those of them that can be compared with features of the given one, in order.

    Rows of that period stay as they are, and need no key. The others are turned out of their own and into it; where one of the
    two keys was destroyed they are left out, since they would only be matched by chance. Without a period nothing is changed.
    Raises CctviewError when a key is needed that the store never had.
    """
    periods = _periods(features)
    others = [other for other in pc.unique(periods).to_pylist() if period is not None and other != period]
    if not others:
        return _with(features, None, periods)
    vectors, kept = embedding_matrix(features), np.ones(features.num_rows, bool)
    dimension = vectors.shape[1]
    into = _turn(period, keys, dimension)
    for other in others:
        rows = np.array(pc.equal(periods, other))
        out = _turn(other, keys, dimension)
        if into is None or out is None:
            kept[rows] = False
        else:
            vectors[rows] = vectors[rows] @ out.T @ into
    moved = _with(features, vectors, pa.array([period] * len(vectors), pa.string()))
    return moved.filter(pa.array(kept))


def _turn(period: str, keys: KeyStore | None, dimension: int) -> np.ndarray | None:
    """What embeddings of a period were multiplied by; None when its key was destroyed."""
    if not period:
        return np.eye(dimension, dtype=np.float32)
    if keys is None:
        raise CctviewError(f"Features of {period} and of another day are compared: that takes the days' keys.")
    day, _, fingerprint = period.partition("#")
    known = keys.fingerprint(date.fromisoformat(day))
    if known != fingerprint:
        raise CctviewError(
            f"Features of {day} were rotated by the key {fingerprint}, but {keys.uri} has {known or 'none'} for that day: "
            "name the place of their key in CCTVIEW_KEYS, or run that day's features again."
        )
    key = keys.existing(date.fromisoformat(day))
    return key.rotation(dimension) if key else None


def _periods(features: pa.Table) -> pa.Array:
    """The column, or that of features from before there were periods."""
    if "period" in features.column_names:
        return features["period"].combine_chunks()
    return pa.array([""] * features.num_rows, pa.string())


def _with(features: pa.Table, vectors: np.ndarray | None, periods: pa.Array) -> pa.Table:
    """The features with other embeddings, (N, D) or None for their own, and periods."""
    schema = schema_of("features", features.schema.field("embedding").type.list_size)
    embedding = features["embedding"]
    if vectors is not None:
        values = pa.array(vectors.astype(np.float16).ravel(), pa.float16())
        embedding = pa.FixedSizeListArray.from_arrays(values, type=schema.field("embedding").type)
    columns = {name: features[name] for name in features.column_names} | {"embedding": embedding, "period": periods}
    return pa.table({name: columns[name] for name in schema.names}, schema)
