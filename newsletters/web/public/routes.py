"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.web.public import (
    address_change,
    archive,
    confirm,
    feed,
    front,
    genuine,
    languages,
    machines,
    media,
    new_link,
    newsletters,
    own_data,
    preferences,
    signup,
    standings,
    told,
    trouble,
    unsubscribe,
    welcome,
    words,
)
