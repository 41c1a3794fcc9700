"""The local SMTP sink: takes every mail, delivers none, and shows what came on a page and as JSON.

For development, demonstrations and drills. It knows nothing of newsletters or subscribers and never touches
the product's database; ``python -m newsletters.sink`` runs it as a process of its own.
"""
