"""The demo newsroom: six newsletters, their past issues and some thousand readers, all our own invention.

It is written in bulk and only into an empty database, so that a first ``make run`` shows a newsroom at
work instead of empty tables.
"""

from newsletters.cli.demo.furnish import furnish, is_empty

__all__ = ["furnish", "is_empty"]
