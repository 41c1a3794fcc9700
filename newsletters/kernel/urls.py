"""Every address of ours that a mail, a feed or a form may carry.

They are built from the configured ``PUBLIC_URL`` alone: the Host header of a request is somebody else's
word. The web door's routes must answer at these paths; a test walks them.
"""

import re
from urllib.parse import quote

_PLAIN = re.compile(r"[A-Za-z0-9_.~-]+")  # RFC 3986 section 2.3: what nothing quotes


class Urls:
    """Absolute URLs under one base, which has no slash at its end."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")

    def _at(self, *parts: str) -> str:
        return "/".join((self.base, *map(_quoted, parts)))

    def front(self) -> str:
        return f"{self.base}/"

    def newsletter(self, slug: str) -> str:
        return self._at("newsletters", slug)

    def archive(self, slug: str) -> str:
        return self._at("newsletters", slug, "archive")

    def feed(self, slug: str) -> str:
        return self._at("newsletters", slug, "feed.atom")

    def issue(self, slug: str, issue_slug: str) -> str:
        return self._at("newsletters", slug, "issues", issue_slug)

    def issue_signature(self, slug: str, issue_slug: str) -> str:
        return self._at("newsletters", slug, "issues", issue_slug, "signature.json")

    def issue_keys(self) -> str:
        """Our public keys, for whoever checks a signed statement (RFC 8615)."""
        return self._at(".well-known", "newsletter-keys.json")

    def genuine(self) -> str:
        """The page that tells whether a mail is ours."""
        return self._at("genuine")

    def media(self, name: str) -> str:
        return self._at("media", name)

    def embed_subscribe(self) -> str:
        return self._at("embed", "subscribe")

    def embed_code(self) -> str:
        return self._at("embed", "code")

    def embed_again(self) -> str:
        return self._at("embed", "again")

    def embed_challenge(self) -> str:
        return self._at("embed", "challenge.js")

    def embed_height(self) -> str:
        return self._at("embed", "height.js")

    def embed_frame(self, query: str) -> str:
        """``query`` is quoted already."""
        return f"{self._at('embed', 'frame')}?{query}"

    def embed_script(self) -> str:
        return self._at("embed.js")

    def confirm(self, token: str) -> str:
        return self._at("confirm", token)

    def canary(self, token: str) -> str:
        """A link that no person sees; whoever follows it is a machine."""
        return self._at("c", token)

    def unsubscribe(self, token: str) -> str:
        return self._at("unsubscribe", token)

    def preferences(self, token: str) -> str:
        return self._at("preferences", token)

    def preferences_request(self) -> str:
        """The page that mails a reader their own way in."""
        return self._at("preferences")

    def change_address(self, token: str) -> str:
        return self._at("change-address", token)

    def desk(self) -> str:
        return self._at("desk")

    def invitation(self, token: str) -> str:
        return self._at("desk", "invitation", token)

    def password_reset(self, token: str) -> str:
        return self._at("desk", "password", token)

    def second_factor(self) -> str:
        return self._at("desk", "account", "second-factor")


def _quoted(part: str) -> str:
    return part if _PLAIN.fullmatch(part) else quote(part, safe="")
