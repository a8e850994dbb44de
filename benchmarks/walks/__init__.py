"""What people get who teach their own photos: results/walks.md."""
