"""The tables and the picture of README.md."""
