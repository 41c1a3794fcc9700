"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.web.admin import (
    access,
    account,
    audit,
    editors,
    exports,
    logos,
    newsletters,
    reader_actions,
    readers,
    signin,
    style,
    suppressions,
    today,
    ways_in,
    wordings,
)

MODULES = (
    access,
    account,
    audit,
    editors,
    exports,
    logos,
    newsletters,
    reader_actions,
    readers,
    signin,
    style,
    suppressions,
    today,
    ways_in,
    wordings,
)
