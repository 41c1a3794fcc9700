"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.web.public import (
    address_change,
    archive,
    confirm,
    feed,
    front,
    languages,
    machines,
    media,
    newsletters,
    preferences,
    signup,
    standings,
    trouble,
    unsubscribe,
    welcome,
    words,
)

__all__ = [
    "address_change",
    "archive",
    "confirm",
    "feed",
    "front",
    "languages",
    "machines",
    "media",
    "newsletters",
    "preferences",
    "signup",
    "standings",
    "trouble",
    "unsubscribe",
    "welcome",
    "words",
]
