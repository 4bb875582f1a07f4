"""`python -m studyhall` is the command line."""

from studyhall.search.cli.entry import main

main()
