"""What embedding photos costs, with and without a prompt: results/embed.md."""
