"""Columns of tables as arrays."""

import numpy as np
import pyarrow as pa


def embedding_matrix(features: pa.Table) -> np.ndarray:
    """features -> (N, D) float32."""
    column = features["embedding"].combine_chunks()
    values = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return values.reshape(len(column), column.type.list_size)
