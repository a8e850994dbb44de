"""What each labelled pair is worth, by how it was chosen: results/pairs.md."""
