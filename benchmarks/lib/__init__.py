"""What studies share: drawn tasks, the methods they compare, statistics over seeds, caches of finished parts."""
