"""Pictures of issues, at names that are their content's hash: they never change and are kept for a year."""

from flask import Response, abort, request

from newsletters import context
from newsletters.publishing.pictures import picture_by_name
from newsletters.web.public.door import blueprint

YEAR_SECONDS = 365 * 24 * 3600


@blueprint.get("/media/<name>")
def media(name: str) -> Response:
    """Answer with the picture alone; whatever it holds, it is never run as a page."""
    with context.reading() as db:
        picture = picture_by_name(db, name) or abort(404)
        response = Response(picture.content, content_type=picture.content_type)
    response.headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"  # webmail shows it on another site
    response.set_etag(name)
    return response.make_conditional(request)  # type: ignore[return-value]
