"""``python -m newsletters.cli``: the operator's door."""

from newsletters.cli.commands import main

main()
