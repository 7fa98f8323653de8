"""What a run of Dagster is configured with: the lake, the network, models and keys."""
