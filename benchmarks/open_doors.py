"""The whole application for gunicorn, with the gates of gates.py open."""

from benchmarks import gates
from config import Config
from newsletters.app import create_app

gates.open_all()
app = create_app(Config.from_env())
