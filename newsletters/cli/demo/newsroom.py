"""The demo newsroom's six newsletters, as facts. Their issues stand beside this file, in issues/."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path

PAST_ISSUES = 3
ISSUES = Path(__file__).parent / "issues"


@dataclass(frozen=True, slots=True)
class DemoNewsletter:
    """One newsletter: ``share`` of all demo readers get it.

    An issue appears on each of ``weekdays`` (Monday is 0), or on every n-th (``each``), at ``hour`` UTC.
    """

    slug: str
    name: str
    tagline: str
    description: str
    sample: str
    language: str
    cadence: str
    byline: str
    sender_name: str
    accent: str
    share: float
    weekdays: tuple[int, ...]
    each: int
    hour: int
    consent: str

    @property
    def sender_email(self) -> str:
        return f"{self.slug}@newsroom.example"

    def issue_times(self, *, now: datetime) -> list[datetime]:
        """When its past issues were sent, oldest first."""
        times = islice(self._days(now, -timedelta(days=1)), 0, PAST_ISSUES * self.each, self.each)
        return sorted(times)

    def next_issue_at(self, *, now: datetime) -> datetime:
        """When the next one is due: as long after the last as those are apart."""
        last = self.issue_times(now=now)[-1]
        return next(islice(self._days(last, timedelta(days=1)), self.each - 1, None))

    def _days(self, start: datetime, step: timedelta) -> Iterator[datetime]:
        """Its publication days away from ``start``, which is not one of them."""
        day = start.replace(hour=self.hour, minute=30, second=0, microsecond=0)
        while True:
            day += step
            if day.weekday() in self.weekdays:
                yield day

    def issues(self) -> list[tuple[str, str, str]]:
        """Subject, preheader and Markdown of its past issues, oldest first."""
        return [_read(path) for path in sorted(ISSUES.glob(f"{self.slug}-*.md"))]


def _read(path: Path) -> tuple[str, str, str]:
    subject, preheader, _, body = path.read_text().split("\n", 3)
    return subject, preheader, body


NEWSLETTERS = (
    DemoNewsletter(
        slug="explaining-ukraine",
        name="Explaining Ukraine",
        tagline="One question about Ukraine, answered properly, every week.",
        description="Each week we take one question our readers ask, go to the people who know, and come "
        "back with an answer that fits on a page: what happened, why, and what to watch.",
        sample="The rails stand 1,520 mm apart, 85 mm wider than in most of the European Union. At "
        "the western border, wagons are lifted and given new wheels.",
        language="en",
        cadence="Every Thursday",
        byline="Olena Marchuk and the explainers' desk",
        sender_name="Explaining Ukraine",
        accent="cobalt",
        share=0.62,
        weekdays=(3,),
        each=1,
        hour=8,
        consent="Send me Explaining Ukraine by e-mail every week. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="morning-brief",
        name="Morning Brief",
        tagline="Five things before coffee.",
        description="What will matter today, in two minutes. Written at five in the morning by somebody "
        "who has already had theirs.",
        sample="Ports. The first grain ship of the week left before dawn. Weather. Wind from the "
        "north-west, rain by evening.",
        language="en",
        cadence="Every weekday at 6:30",
        byline="Taras Hnatiuk",
        sender_name="Taras at Morning Brief",
        accent="ochre",
        share=0.41,
        weekdays=(0, 1, 2, 3, 4),
        each=1,
        hour=4,
        consent="Send me Morning Brief by e-mail every weekday. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="kyiv-dispatch",
        name="Kyiv Dispatch",
        tagline="A letter from the city, one scene at a time.",
        description="Our correspondents send what does not fit into the news: one place, one person, one "
        "evening. No opinions, many details.",
        sample="“People came with boxes and asked who goes east. Everyone knew somebody. So we wrote "
        "it down.”",
        language="en",
        cadence="Twice a month, on Thursday evening",
        byline="The Kyiv desk",
        sender_name="Kyiv Dispatch",
        accent="madder",
        share=0.28,
        weekdays=(3,),
        each=2,
        hour=17,
        consent="Send me Kyiv Dispatch by e-mail twice a month. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="ukrainska-nedilia",
        name="Українська неділя",
        tagline="Недільне читання без поспіху.",
        description="Один довгий текст щонеділі: про людей, книжки, хліб і потяги. Українською.",
        sample="Книжка гріє двічі: коли її читаєш і коли про неї сперечаєшся.",
        language="uk",
        cadence="Щонеділі зранку",
        byline="Марта Коваль",
        sender_name="Марта Коваль, «Українська неділя»",
        accent="viridian",
        share=0.24,
        weekdays=(6,),
        each=1,
        hour=7,
        consent="Надсилайте мені «Українську неділю» щонеділі. "
        "Я можу відписатися одним натисканням у кожному листі.",
    ),
    DemoNewsletter(
        slug="data-desk",
        name="The Data Desk",
        tagline="Numbers with their footnotes.",
        description="One data set a month, drawn honestly, with what we left out and why. For people who "
        "read the axis first.",
        sample="An empty cell is not a zero. In our tables it is a dash, and the note says why.",
        language="en",
        cadence="Monthly, on the first Tuesday",
        byline="Ihor Savchenko",
        sender_name="The Data Desk",
        accent="cerulean",
        share=0.17,
        weekdays=(1,),
        each=4,
        hour=10,
        consent="Send me The Data Desk by e-mail every month. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="culture-weekend",
        name="Culture Weekend",
        tagline="Where to be from Friday to Sunday.",
        description="Plays in cellars, films on walls, books for the tram. Three plans for the weekend and "
        "one for staying in.",
        sample="Silent films on the wall of the old printing house, with a piano. If there is an "
        "alarm, the piano stays and everyone else goes down.",
        language="en",
        cadence="Every Friday at noon",
        byline="Sofiia Lys and friends",
        sender_name="Culture Weekend",
        accent="plum",
        share=0.2,
        weekdays=(4,),
        each=1,
        hour=9,
        consent="Send me Culture Weekend by e-mail every Friday. I can leave with one click in every mail.",
    ),
)
