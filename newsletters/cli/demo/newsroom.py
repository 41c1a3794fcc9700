"""The demo newsroom's six newsletters, as facts. Their issues stand beside this file, in issues/."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

ISSUES = Path(__file__).parent / "issues"


@dataclass(frozen=True, slots=True)
class DemoNewsletter:
    """One newsletter: ``share`` of all demo readers get it, an issue appears ``every`` so often."""

    slug: str
    name: str
    tagline: str
    description: str
    language: str
    cadence: str
    byline: str
    sender_name: str
    accent: str
    share: float
    every: timedelta
    hour: int
    consent: str

    @property
    def sender_email(self) -> str:
        return f"{self.slug}@newsroom.example"

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
        language="en",
        cadence="Every Thursday",
        byline="Olena Marchuk and the explainers' desk",
        sender_name="Explaining Ukraine",
        accent="cobalt",
        share=0.62,
        every=timedelta(days=7),
        hour=8,
        consent="Send me Explaining Ukraine by e-mail every week. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="morning-brief",
        name="Morning Brief",
        tagline="Five things before coffee.",
        description="What will matter today, in two minutes. Written at five in the morning by somebody "
        "who has already had theirs.",
        language="en",
        cadence="Every weekday at 6:30",
        byline="Taras Hnatiuk",
        sender_name="Taras at Morning Brief",
        accent="ochre",
        share=0.41,
        every=timedelta(days=1),
        hour=4,
        consent="Send me Morning Brief by e-mail every weekday. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="kyiv-dispatch",
        name="Kyiv Dispatch",
        tagline="A letter from the city, one scene at a time.",
        description="Our correspondents send what does not fit into the news: one place, one person, one "
        "evening. No opinions, many details.",
        language="en",
        cadence="Twice a month, on Thursday evening",
        byline="The Kyiv desk",
        sender_name="Kyiv Dispatch",
        accent="madder",
        share=0.28,
        every=timedelta(days=14),
        hour=17,
        consent="Send me Kyiv Dispatch by e-mail twice a month. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="ukrainska-nedilia",
        name="Українська неділя",
        tagline="Недільне читання без поспіху.",
        description="Один довгий текст щонеділі: про людей, книжки, хліб і потяги. Українською.",
        language="uk",
        cadence="Щонеділі зранку",
        byline="Марта Коваль",
        sender_name="Марта Коваль, «Українська неділя»",
        accent="viridian",
        share=0.24,
        every=timedelta(days=7),
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
        language="en",
        cadence="Monthly, on the first Tuesday",
        byline="Ihor Savchenko",
        sender_name="The Data Desk",
        accent="cerulean",
        share=0.17,
        every=timedelta(days=28),
        hour=10,
        consent="Send me The Data Desk by e-mail every month. I can leave with one click in every mail.",
    ),
    DemoNewsletter(
        slug="culture-weekend",
        name="Culture Weekend",
        tagline="Where to be from Friday to Sunday.",
        description="Plays in cellars, films on walls, books for the tram. Three plans for the weekend and "
        "one for staying in.",
        language="en",
        cadence="Every Friday at noon",
        byline="Sofiia Lys and friends",
        sender_name="Culture Weekend",
        accent="plum",
        share=0.2,
        every=timedelta(days=7),
        hour=9,
        consent="Send me Culture Weekend by e-mail every Friday. I can leave with one click in every mail.",
    ),
)
