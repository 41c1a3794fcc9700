"""The demo's readers: some thousand people at .example domains with a believable past.

Everything comes from one seeded generator, so that two demos differ only in their dates.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

from newsletters.cli.demo.newsroom import NEWSLETTERS, DemoNewsletter
from newsletters.subscribers.models import SubscriptionState

READERS = 3200
FIRST_SIGNUP_DAYS_AGO = 420

FIRST_NAMES = (
    *("Adam", "Alice", "Amara", "Anna", "Bohdan", "Chloe", "Daryna", "David", "Diego", "Elena", "Emil"),
    *("Fatima", "Felix", "Grace", "Hanna", "Hugo", "Ida", "Iryna", "Ivan", "Jana", "Jonas", "Kateryna"),
    *("Lars", "Leila", "Lina", "Lukas", "Maria", "Marko", "Mei", "Mila", "Nadia", "Nils", "Noor", "Oksana"),
    *("Oleh", "Olivia", "Omar", "Pavlo", "Petra", "Priya", "Rafael", "Roman", "Rosa", "Ruth", "Samuel"),
    *("Sara", "Sofia", "Stefan", "Taras", "Tomas", "Uliana", "Vera", "Viktor", "Yana", "Yusuf", "Zoe"),
)
LAST_NAMES = (
    *("Adeyemi", "Albers", "Baker", "Bondar", "Castro", "Dahl", "Diaz", "Evans", "Farkas", "Fischer"),
    *("Garcia", "Haddad", "Hoffmann", "Horbach", "Ivanenko", "Jansen", "Kaya", "Kim", "Klein", "Kowalska"),
    *("Kravets", "Larsen", "Lee", "Lind", "Marin", "Melnyk", "Moreau", "Murphy", "Novak", "Okafor"),
    *("Olsen", "Park", "Patel", "Petrenko", "Popov", "Reyes", "Rossi", "Rudenko", "Santos", "Sato"),
    *("Savchuk", "Schmidt", "Shah", "Silva", "Smith", "Sorensen", "Tkach", "Vega", "Virtanen", "Weber"),
)
UKRAINIAN_NAMES = (
    *("Андрій", "Богдана", "Вікторія", "Ганна", "Дмитро", "Євген", "Зоряна", "Іван", "Катерина", "Леся"),
    *("Марко", "Наталія", "Оксана", "Павло", "Роман", "Соломія", "Тарас", "Уляна", "Юрій", "Ярина"),
)
DOMAINS = ("post.example", "mailbox.example", "inbox.example", "letters.example", "campus.example")
FATES = (None, SubscriptionState.BOUNCED, SubscriptionState.COMPLAINED)
STOPPED_AFTER = timedelta(seconds=5)
FORMS = ("front page", "newsletter page", "article", "article", "article")


@dataclass(frozen=True, slots=True)
class DemoSubscription:
    """One reader's dealings with one newsletter."""

    newsletter: DemoNewsletter
    state: SubscriptionState
    requested_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    form: str

    def gets_mail_at(self, moment: datetime) -> bool:
        """Whether an issue sent at ``moment`` was for this reader."""
        if self.confirmed_at is None or self.confirmed_at > moment:
            return False
        return self.ended_at is None or self.ended_at > moment


@dataclass(slots=True)
class DemoReader:
    """One person."""

    email: str
    name: str
    language: str
    joined_at: datetime
    subscriptions: list[DemoSubscription] = field(default_factory=list)


def imagine_readers(random: Random, *, now: datetime) -> list[DemoReader]:
    """READERS people, each with one to three newsletters, in the order in which they came."""
    readers = [_imagine_reader(random, number, now) for number in range(READERS)]
    return sorted(readers, key=lambda reader: reader.joined_at)


def _imagine_reader(random: Random, number: int, now: datetime) -> DemoReader:
    # More came lately than long ago: the square root leans the even spread towards today.
    age_days = FIRST_SIGNUP_DAYS_AGO * (1 - random.random() ** 0.5)
    joined_at = now - timedelta(days=age_days, minutes=random.randrange(60, 600))
    chosen = _choose_newsletters(random)
    language = "uk" if chosen[0].language == "uk" else "en"
    first, last = random.choice(FIRST_NAMES), random.choice(LAST_NAMES)
    name = "" if random.random() < 0.35 else random.choice(UKRAINIAN_NAMES) if language == "uk" else first
    email = f"{first}.{last}{number}@{random.choice(DOMAINS)}".lower()
    reader = DemoReader(email, name, language, joined_at)
    fate = random.choices(FATES, (0.975, 0.022, 0.003))[0]
    if fate is None:
        reader.subscriptions = [_imagine_subscription(random, one, joined_at, now) for one in chosen]
    else:
        reader.subscriptions = _imagine_stopped(random, fate, chosen, joined_at, now)
    return reader


def _imagine_stopped(
    random: Random, fate: SubscriptionState, chosen: list[DemoNewsletter], joined_at: datetime, now: datetime
) -> list[DemoSubscription]:
    """What a dead mailbox or a complaint leaves: one issue stopped every subscription of this reader."""
    ended_at = random.choice(chosen[0].issue_times(now=now)) + STOPPED_AFTER
    requested_at = min(joined_at, ended_at - timedelta(days=9))
    confirmed_at = requested_at + timedelta(minutes=7)
    form = f"demo: {random.choice(FORMS)}"
    return [DemoSubscription(one, fate, requested_at, confirmed_at, ended_at, form) for one in chosen]


def _choose_newsletters(random: Random) -> list[DemoNewsletter]:
    chosen = [one for one in NEWSLETTERS if random.random() < one.share]
    return chosen[:3] or [NEWSLETTERS[0]]


def _imagine_subscription(
    random: Random, newsletter: DemoNewsletter, joined_at: datetime, now: datetime
) -> DemoSubscription:
    form = f"demo: {random.choice(FORMS)}"
    if random.random() < 0.06:
        requested_at = max(joined_at, now - timedelta(days=random.uniform(0.1, 25)))
        return DemoSubscription(newsletter, SubscriptionState.PENDING, requested_at, None, None, form)
    confirmed_at = min(joined_at + timedelta(minutes=random.randrange(1, 55)), now)
    if random.random() > 0.09:
        return DemoSubscription(newsletter, SubscriptionState.ACTIVE, joined_at, confirmed_at, None, form)
    ended_at = confirmed_at + (now - confirmed_at) * random.uniform(0.3, 0.98)
    return DemoSubscription(
        newsletter, SubscriptionState.UNSUBSCRIBED, joined_at, confirmed_at, ended_at, form
    )
