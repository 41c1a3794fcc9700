"""Pictures as people upload them."""

import io

from PIL import Image

GPS = 0x8825


def encoded(image: Image.Image, format_: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def photograph(width: int = 2400, height: int = 1600) -> bytes:
    """A picture as a phone would make it: lying on its side, with its maker's name and place in it."""
    exif = Image.Exif()
    exif[0x010F] = "SecretCameraMaker"
    exif[0x0112] = 6  # rotated by a quarter
    exif.get_ifd(GPS)[1] = "N"
    return encoded(Image.new("RGB", (width, height), "steelblue"), "JPEG", exif=exif.tobytes())
