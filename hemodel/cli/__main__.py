"""`python -m hemodel.cli`."""

from hemodel.cli import main

main()
