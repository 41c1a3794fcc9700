"""How a process of ours logs: one line a message on standard error, ids in it and never an address.

Tracebacks show no values: neither local variables nor, since the database hides them, the parameters of
statements.
"""

import logging

FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure(level: str) -> None:
    """Log from ``level`` up; called once, by whatever starts a process."""
    logging.basicConfig(level=level, format=FORMAT)
    for name in ("huey", "mail.log"):  # the latter is aiosmtpd's, and says who writes to whom
        logging.getLogger(name).setLevel(logging.WARNING)
