"""Every method on real photo sets: results/sets.md and results/demo.md."""
