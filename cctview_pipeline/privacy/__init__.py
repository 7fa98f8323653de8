"""What may be kept, for how long, who may ask for it, and how it is forgotten."""
