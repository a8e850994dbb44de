"""A gallery in the formats of other programs."""
