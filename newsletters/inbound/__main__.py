"""``python -m newsletters.inbound``: the mail door as a process of its own."""

import sys

from newsletters.inbound.serving import main

sys.exit(main())
