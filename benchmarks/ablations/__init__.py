"""What single parts and choices are worth: results/ablations/."""
