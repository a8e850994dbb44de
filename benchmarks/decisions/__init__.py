"""How often a decision's error rate is at most its target: results/decisions.md."""
