"""`python -m pipeline` is the command `flinks-import`."""

from pipeline.cli import main

main()
