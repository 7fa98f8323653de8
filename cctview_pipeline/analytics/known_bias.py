"""What the city's truth says of the figures: placeholder until counts are measured."""


def spreads() -> dict[str, float]:
    return {"vehicle_counts": 0.1, "flows": 0.1, "heavy_recall": 0.7, "heavy_false": 0.02}


def sentence(mart: str, models: str) -> str:
    """What is known of a mart's errors with these models, as data_quality names them."""
    return "Nobody has measured yet how far it is off."
