"""How the shipped checkpoint is made, and what it holds: results/mini.md and results/curves/."""
