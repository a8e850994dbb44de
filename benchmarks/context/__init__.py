"""Does the context matter? results/context.md."""
