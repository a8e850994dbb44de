"""What a training step costs: results/training.md."""
