"""The whole application, with the one bound on sign-ups that no setting moves out of a benchmark's way.

Every bound is still counted in every post; only what a form takes in a minute is raised. The others are out
of the way because the posts come from many networks, for many domains, and by SIGNUPS_PER_MINUTE.
"""

from dataclasses import replace

from config import Config
from newsletters.app import create_app
from newsletters.subscribers import guard

guard.FORM = replace(guard.FORM, easy=100_000_000, most=100_000_000)  # type: ignore[misc]

app = create_app(Config.from_env())
