"""`python -m vicp`."""

from vicp.cli import main

main()
