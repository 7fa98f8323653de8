"""Everything that learns: detector, extractor, people finder, and references for drift."""
