"""What a track or a journey is called outside of the lake."""

import pyarrow as pa

from cctview_pipeline.privacy.keys import KeyStore, pseudonyms


def pseudonym_of(store: KeyStore, identifier: str) -> str:
    return pseudonyms(store, pa.chunked_array([[identifier]]))[0].as_py()
