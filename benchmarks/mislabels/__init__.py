"""How many of the pairs that look mislabelled are: results/mislabels.md."""
