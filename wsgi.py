"""The WSGI entry point: ``gunicorn wsgi:app``."""

from config import Config
from newsletters.app import create_app
from newsletters.kernel import logs

config = Config.from_env()
logs.configure(config.log_level)
app = create_app(config)
