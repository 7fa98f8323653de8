"""DuckDB over the lake's Parquet files, one ``.sql`` file a mart."""
