"""Tell individuals of any category apart from a handful of labelled pairs of photos."""
