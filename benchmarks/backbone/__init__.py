"""What a backbone is worth on real sets and on the drawn world, beside its teacher and the one before it."""
