"""How the demo's readers came: what its sign-up forms would have counted (subscribers/funnel.py)."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from datetime import UTC, date
from random import Random
from typing import Any

from newsletters.cli.demo.readers import DemoReader
from newsletters.subscribers.funnel import Place, Step
from newsletters.subscribers.models import SubscriptionState

ARTICLES = (
    "https://newsroom.example/2026/the-night-shift",
    "https://newsroom.example/2026/what-is-a-hromada",
    "https://newsroom.example/2026/the-woman-who-repairs-maps",
    "https://newsroom.example/2026/grain-and-water",
)
CAMPAIGNS = (("", 78), ("telegram / social / –", 12), ("print / qr / weekend", 6), ("– / – / podcast", 4))
PROVIDERS = (
    *(("gmail", 46), ("other", 20), ("ukr.net", 14), ("outlook", 9)),
    *(("icloud", 6), ("proton", 3), ("i.ua", 2)),
)
SHOWN_FOR_EACH = (14, 34)
MAIL_ACCEPTED = 0.985
OPENED_AND_LEFT = 0.14


def funnel_rows(
    readers: Iterable[DemoReader], newsletter_ids: dict[str, int], random: Random
) -> Iterator[dict[str, Any]]:
    """One row for each day and place, as the forms of the past would have left them."""
    counted: dict[tuple[date, Place], Counter[Step]] = {}
    for reader in readers:
        for one in reader.subscriptions:
            place = Place(
                newsletter_id=newsletter_ids[one.newsletter.slug],
                form=one.form,
                page=_page(one.form, one.newsletter.slug, random),
                campaign=_drawn(CAMPAIGNS, random),
                provider=_drawn(PROVIDERS, random),
            )
            steps = counted.setdefault((one.requested_at.astimezone(UTC).date(), place), Counter())
            steps.update(_steps(one.state is not SubscriptionState.PENDING, random))
    for (on, place), steps in list(counted.items()):
        shown = counted.setdefault((on, replace(place, provider="")), Counter())
        shown[Step.SHOWN] += steps[Step.SUBMITTED] * random.randint(*SHOWN_FOR_EACH)
    for (on, place), steps in counted.items():
        yield asdict(place) | {"on": on} | {step.value: steps[step] for step in Step}


def _steps(is_confirmed: bool, random: Random) -> list[Step]:
    """How far one sign-up came."""
    if is_confirmed:
        return [Step.SUBMITTED, Step.MAILED, Step.OPENED, Step.CONFIRMED]
    steps = [Step.SUBMITTED]
    if random.random() < MAIL_ACCEPTED:
        steps.append(Step.MAILED)
        if random.random() < OPENED_AND_LEFT:
            steps.append(Step.OPENED)
    return steps


def _page(form: str, slug: str, random: Random) -> str:
    if form == "article":
        return random.choice(ARTICLES)
    return "http://localhost:8000/" if form == "front page" else f"http://localhost:8000/newsletters/{slug}"


def _drawn(weighted: tuple[tuple[str, int], ...], random: Random) -> str:
    words, weights = zip(*weighted, strict=True)
    return str(random.choices(words, weights)[0])
