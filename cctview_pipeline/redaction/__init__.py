"""People and privacy zones painted over, before the first durable write."""
