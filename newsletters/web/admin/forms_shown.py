"""What the page for making a sign-up form holds before anybody types."""

from collections.abc import Sequence
from typing import Any

from newsletters.kernel.i18n import LANGUAGES
from newsletters.publishing.models import Newsletter
from newsletters.subscribers.form_fields import Field
from newsletters.subscribers.form_models import SavedForm


def shown_form(
    saved: SavedForm | None, newsletters: Sequence[Newsletter], *, is_copy: bool = False
) -> dict[str, Any]:
    """A form as it is saved, among all newsletters. A copy needs a name of its own."""
    kept = {line["id"]: line for line in saved.newsletters} if saved else {}
    data: dict[str, Any] = {
        "newsletters": [
            {
                "number": str(newsletter.id),
                "offered": newsletter.id in kept,
                "ticked": kept.get(newsletter.id, {}).get("is_ticked", False),
                "wording": str(kept.get(newsletter.id, {}).get("wording_id") or ""),
            }
            for newsletter in newsletters
        ]
    }
    if saved is None:
        return data
    plain = {name: getattr(saved, name) for name in ("name", "language", "button", "accent")}
    if is_copy:
        plain["name"] = ""
    questions = [_shown_question(asked) for asked in saved.asked]
    return {**data, **plain, "questions": questions, "origins": "\n".join(saved.origins)}


def _shown_question(asked: Field) -> dict[str, Any]:
    words = {f"label_{language}": asked.labels.get(language, "") for language in LANGUAGES}
    lines = {
        f"options_{language}": "\n".join(option.labels.get(language, "") for option in asked.options)
        for language in LANGUAGES
    }
    return {"key": asked.key, "kind": asked.kind.value, "required": asked.required, **words, **lines}
