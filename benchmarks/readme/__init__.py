"""The table and the picture of README.md, and the tables of docs/trust.md."""
