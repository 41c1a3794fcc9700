"""Pictures: decoded, made smaller, encoded anew, and kept once."""

import io

import pytest
from PIL import Image

from newsletters.kernel.db import Database
from newsletters.publishing.pictures import (
    LARGEST_UPLOAD_BYTES,
    PictureProblem,
    PictureRefused,
    media,
    picture_by_name,
    store_picture,
)
from tests.conftest import NOW
from tests.pictures import encoded, photograph


def test_a_photograph_is_turned_made_smaller_and_stripped(db: Database) -> None:
    with db.transaction() as session:
        picture = store_picture(session, photograph(), uploaded_by_id=1, now=NOW)

        kept = Image.open(io.BytesIO(picture.content))
        assert (picture.width, picture.height) == kept.size == (1200, 1800)
        assert picture.content_type == "image/jpeg"
        assert b"SecretCameraMaker" not in picture.content
        assert dict(kept.getexif()) == {}


def test_transparency_survives(db: Database) -> None:
    with db.transaction() as session:
        upload = encoded(Image.new("RGBA", (40, 20), (0, 0, 0, 0)), "PNG")
        picture = store_picture(session, upload, uploaded_by_id=1, now=NOW)

        assert picture.content_type == "image/png"
        assert Image.open(io.BytesIO(picture.content)).mode == "RGBA"


def test_an_animation_keeps_its_frames(db: Database) -> None:
    frames = [Image.new("RGB", (30, 30), colour) for colour in ("red", "green", "blue")]
    upload = encoded(
        frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, comment=b"secret"
    )
    with db.transaction() as session:
        picture = store_picture(session, upload, uploaded_by_id=1, now=NOW)

        kept = Image.open(io.BytesIO(picture.content))
        assert getattr(kept, "n_frames", 1) == 3
        assert b"secret" not in picture.content


def test_the_same_picture_is_kept_once(db: Database) -> None:
    with db.transaction() as session:
        first = store_picture(session, photograph(), uploaded_by_id=1, now=NOW)
        second = store_picture(session, photograph(), uploaded_by_id=2, now=NOW)

        assert first is second
        assert picture_by_name(session, first.name) is first


@pytest.mark.parametrize(
    "upload",
    [
        b"",
        b"hello",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        photograph()[:200],
        b"\x89PNG\r\n\x1a\n" + b"\0" * 40,
        encoded(Image.new("RGB", (4, 4)), "TIFF"),
    ],
)
def test_what_is_no_picture_is_refused(db: Database, upload: bytes) -> None:
    with db.transaction() as session, pytest.raises(PictureRefused) as refused:
        store_picture(session, upload, uploaded_by_id=1, now=NOW)

    assert refused.value.reason is PictureProblem.NOT_A_PICTURE


@pytest.mark.parametrize("side", [8_000, 20_000])
def test_a_bomb_is_refused_before_it_is_unpacked(db: Database, side: int) -> None:
    upload = encoded(Image.new("1", (side, side)), "PNG")

    with db.transaction() as session, pytest.raises(PictureRefused) as refused:
        store_picture(session, upload, uploaded_by_id=1, now=NOW)

    assert refused.value.reason is PictureProblem.TOO_MANY_PIXELS


def test_an_upload_has_a_limit(db: Database) -> None:
    with db.transaction() as session, pytest.raises(PictureRefused) as refused:
        store_picture(session, b"x" * (LARGEST_UPLOAD_BYTES + 1), uploaded_by_id=1, now=NOW)

    assert refused.value.reason is PictureProblem.TOO_BIG


def test_sizes_are_found_for_the_pictures_a_text_shows(db: Database) -> None:
    with db.transaction() as session:
        picture = store_picture(session, photograph(300, 200), uploaded_by_id=1, now=NOW)
        body = f"![x](/media/{picture.name}) ![y](/media/{'0' * 32}.png)"

        found = media(session, [body], base="http://localhost")

        assert found.sizes == {picture.name: (picture.width, picture.height)}
