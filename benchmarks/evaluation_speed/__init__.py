"""What computing mAP costs: results/evaluate.md."""
