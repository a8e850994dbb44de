"""How often a photo of unknown category is sent to its own: results/routing.md."""
