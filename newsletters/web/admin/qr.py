"""A QR code (ISO/IEC 18004) as SVG in the page: drawn here, so that no secret is told to anybody."""

import segno
from markupsafe import Markup

QUIET_ZONE = 4  # modules; scanners need them, on dark pages too


def drawn(text: str) -> Markup:
    """``text`` as inline SVG that fills its place: black on white whatever the page looks like."""
    code = segno.make(text, error="m", micro=False)
    svg = code.svg_inline(
        border=QUIET_ZONE, dark="#000", light="#fff", omitsize=True, svgclass="qr", lineclass=None
    )
    return Markup(svg)  # noqa: S704  (made of numbers; the text is nowhere in it)
