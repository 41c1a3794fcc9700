"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.web.admin import access, account, signin, style, today, ways_in

MODULES = (access, account, signin, style, today, ways_in)
