"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.api import webhooks
