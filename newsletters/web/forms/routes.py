"""Imports every module of views in this folder, so that their routes hang on the door's blueprint."""

from newsletters.web.forms import embed, embed_code, embed_words, frame, script, shown
