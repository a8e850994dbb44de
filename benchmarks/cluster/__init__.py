"""How photos without a name are grouped: results/cluster.md."""
