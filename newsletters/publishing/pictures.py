"""Pictures for issues and logos: every upload is decoded and encoded anew, never kept as it came.

So nothing but an image gets in, and what a camera wrote beside it (place, serial number) stays out. A
picture is at most twice the mail's column wide. Its name is the hash of its content: the same picture twice
is one row, and a name may be cached for ever.
"""

import hashlib
import io
import re
import warnings
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError
from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.kernel.errors import DomainError
from newsletters.publishing.content import COLUMN_PIXELS, MEDIA, Media
from newsletters.publishing.models import Picture

LARGEST_UPLOAD_BYTES: Final = 10 * 1024 * 1024
MOST_PIXELS: Final = 50_000_000
WIDEST_PIXELS: Final = 2 * COLUMN_PIXELS
FORMATS: Final = ("JPEG", "PNG", "GIF", "WEBP")
JPEG_QUALITY: Final = 82
_NAME: Final = re.compile(r"/media/([0-9a-f]{32}\.(?:jpg|png|gif))")


class PictureProblem(StrEnum):
    """Why an upload cannot be used."""

    TOO_BIG = "too_big"
    TOO_MANY_PIXELS = "too_many_pixels"
    NOT_A_PICTURE = "not_a_picture"


class PictureRefused(DomainError):
    """An upload that cannot be used; ``reason`` says why."""

    def __init__(self, reason: PictureProblem) -> None:
        super().__init__(reason.value)
        self.reason = reason


def store_picture(session: Session, upload: bytes, *, uploaded_by_id: int | None, now: datetime) -> Picture:
    """Keep ``upload``, or find it again where it was kept before. Raises PictureRefused."""
    content, image, suffix = _encode(_decode(upload))
    name = f"{hashlib.sha256(content).hexdigest()[:32]}.{suffix}"
    kept = picture_by_name(session, name)
    if kept is not None:
        return kept
    picture = Picture(
        name=name,
        content_type="image/jpeg" if suffix == "jpg" else f"image/{suffix}",
        width=image.width,
        height=image.height,
        content=content,
        uploaded_by_id=uploaded_by_id,
        created_at=now,
    )
    session.add(picture)
    session.flush()
    return picture


def picture_by_name(session: Session, name: str) -> Picture | None:
    """The picture served at ``/media/NAME``."""
    return session.scalar(select(Picture).where(Picture.name == name))


def media(session: Session, sources: Iterable[str], *, base: str = "") -> Media:
    """The sizes of the pictures that ``sources`` show, for rendering them."""
    names = {name for source in sources for name in _NAME.findall(source)}
    query = select(Picture.name, Picture.width, Picture.height).where(Picture.name.in_(names))
    sizes = {name: (width, height) for name, width, height in session.execute(query)} if names else {}
    return Media(sizes, base)


def address(picture: Picture) -> str:
    """How a picture is written in an issue."""
    return f"{MEDIA}{picture.name}"


def _decode(upload: bytes) -> Image.Image:
    if len(upload) > LARGEST_UPLOAD_BYTES:
        raise PictureRefused(PictureProblem.TOO_BIG)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # we count the pixels below
            image = Image.open(io.BytesIO(upload), formats=FORMATS)
        if image.width * image.height > MOST_PIXELS:
            raise PictureRefused(PictureProblem.TOO_MANY_PIXELS)
        image.load()
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError) as error:
        raise PictureRefused(PictureProblem.NOT_A_PICTURE) from error
    except Image.DecompressionBombError as error:
        raise PictureRefused(PictureProblem.TOO_MANY_PIXELS) from error
    return image


def _encode(image: Image.Image) -> tuple[bytes, Image.Image, str]:
    """The picture's new bytes, itself and the suffix of its format."""
    if image.format == "GIF" and getattr(image, "is_animated", False):
        return _encode_animation(image)
    image = ImageOps.exif_transpose(image)  # the camera's "this side up" would be lost with the rest
    has_alpha = image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info
    is_drawing = has_alpha or image.mode in ("1", "P")
    image = image.convert("RGBA" if has_alpha else "RGB")
    if image.width > WIDEST_PIXELS:
        height = max(1, round(image.height * WIDEST_PIXELS / image.width))
        image = image.resize((WIDEST_PIXELS, height), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    if is_drawing:
        image.save(out, "PNG", optimize=True)
        return out.getvalue(), image, "png"
    image.save(out, "JPEG", quality=JPEG_QUALITY, optimize=True, progressive=True)
    return out.getvalue(), image, "jpg"


def _encode_animation(image: Image.Image) -> tuple[bytes, Image.Image, str]:
    """An animation keeps its frames and loses its comments; it is not made smaller."""
    if image.width * image.height * getattr(image, "n_frames", 1) > MOST_PIXELS:
        raise PictureRefused(PictureProblem.TOO_MANY_PIXELS)
    image.info.pop("comment", None)
    out = io.BytesIO()
    image.save(out, "GIF", save_all=True, loop=image.info.get("loop", 0), comment=b"")
    return out.getvalue(), image, "gif"
