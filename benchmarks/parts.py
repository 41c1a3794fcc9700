"""A profile as a short table: which part of the product the time went to.

Every function's own time belongs to the part that its file names. What belongs to nobody, such as C
functions and the standard library, goes to whoever called it, in proportion.
"""

import pstats
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

Function = tuple[str, int, str]
OTHER: Final = "the rest"
CALLS, OWN, CALLERS = 1, 2, 4  # places in the rows of pstats
DEAREST_CALL, HALVINGS = 20e-6, 40  # seconds that a profile may add to a call, and steps to find them
DEEPEST = 12  # calls upwards until the time counts as the rest's

# The first that is found in a function's file names the part.
SENDER_PARTS: Final = (
    ("signing", ("/mail/sign", "/cryptography/")),
    (
        "limits",
        (
            "/delivery/throttle",
            "/delivery/shaping",
            "/delivery/dispatch",
            "/delivery/providers",
            "/delivery/servers",
        ),
    ),
    (
        "composing",
        (
            "/delivery/mailing",
            "/mail/compile",
            "/mail/headers",
            "/mail/quoted",
            "/mail/slots",
            "/mail/verp",
            "/mail/words",
            "/kernel/tokens",
            "/kernel/urls",
            "/kernel/addresses",
        ),
    ),
    ("SMTP", ("/newsletters/mail/",)),
    (
        "task engine",
        ("/huey/", "/newsletters/tasks/", "/newsletters/runtime", "/kernel/turns", "/kernel/roster"),
    ),
    ("books: SQL and driver", ("/sqlalchemy/", "/psycopg", "/kernel/db", "/kernel/columns")),
    ("books: delivery core", ("/newsletters/",)),
)
SIGNUP_PARTS: Final = (
    ("SQL and driver", ("/sqlalchemy/", "/psycopg", "/kernel/db", "/kernel/columns")),
    ("form and CSRF", ("/wtforms/", "/flask_wtf/", "/web/forms/fields", "/markupsafe/")),
    ("address check", ("/email_validator/", "/idna/", "/kernel/addresses")),
    ("templates", ("/jinja2/",)),
    ("words", ("/flask_babel/", "/babel/", "/kernel/i18n")),
    ("task engine", ("/huey/", "/newsletters/runtime")),
    (
        "sign-up itself",
        (
            "/newsletters/subscribers/",
            "/newsletters/kernel/",
            "/newsletters/publishing/",
            "/newsletters/mail/",
        ),
    ),
    ("our doors", ("/newsletters/",)),
    ("Flask and Werkzeug", ("/flask/", "/werkzeug/", "/itsdangerous/", "/blinker/")),
)


class Profiled(Protocol):
    """What pstats.Stats has and does not say: its rows by function."""

    stats: dict[Function, Any]


@dataclass(frozen=True, slots=True)
class Shares:
    """What share of the profiled time each part took, and the dearest single functions."""

    parts: dict[str, float]
    functions: list[tuple[str, float, float]]  # name, share, calls


def shares(
    profile: Profiled, table: Sequence[tuple[str, Sequence[str]]], *, seconds: float, top: int = 14
) -> Shares:
    """Divide what was profiled, which takes ``seconds`` without a profile, between the parts of ``table``."""
    stats = profile.stats
    own = _own_times(stats, seconds)
    total = sum(own.values()) or 1.0
    found: dict[str, float] = defaultdict(float)
    for function, numbers in stats.items():
        _give(found, own[function] / total, function, numbers[CALLERS], (stats, table), DEEPEST)
    dearest = sorted(own, key=lambda function: -own[function])[:top]
    functions = [(_name(one), own[one] / total, float(stats[one][CALLS])) for one in dearest]
    return Shares(dict(sorted(found.items(), key=lambda item: -item[1])), functions)


def of(stats: pstats.Stats) -> Profiled:
    """The same, with its rows known to a type checker."""
    return cast(Profiled, stats)


def _own_times(stats: Mapping[Function, Any], seconds: float) -> dict[Function, float]:
    """Each function's own time without the price of the profile, which makes small functions look dear.

    The price of a call is the one that leaves ``seconds`` in all, the same for every call; half of it falls
    to the function that is called and half to its caller.
    """
    touched: dict[Function, float] = defaultdict(float)
    for function, numbers in stats.items():
        touched[function] += numbers[CALLS] / 2
        for caller, edge in numbers[CALLERS].items():
            touched[caller] += edge[0] / 2
    low, high = 0.0, DEAREST_CALL
    for _ in range(HALVINGS):
        price = (low + high) / 2
        left = sum(max(0.0, numbers[OWN] - touched[one] * price) for one, numbers in stats.items())
        low, high = (price, high) if left > seconds else (low, price)
    return {one: max(0.0, numbers[OWN] - touched[one] * low) for one, numbers in stats.items()}


def _give(
    found: dict[str, float],
    share: float,
    function: Function,
    callers: Mapping[Function, Any],
    known: tuple[Mapping[Function, Any], Sequence[tuple[str, Sequence[str]]]],
    depth: int,
) -> None:
    stats, table = known
    part = _part(function, table)
    weights = {caller: max(numbers[2], 1e-12) for caller, numbers in callers.items() if caller in stats}
    if part or not depth or not weights or share < 1e-6:
        found[part or OTHER] += share
        return
    whole = sum(weights.values())
    for caller, weight in weights.items():
        _give(found, share * weight / whole, caller, stats[caller][4], known, depth - 1)


def _part(function: Function, table: Sequence[tuple[str, Sequence[str]]]) -> str:
    return next((name for name, places in table if any(place in function[0] for place in places)), "")


def _name(function: Function) -> str:
    file, line, name = function
    short = "/".join(file.split("/")[-2:])
    return name if file == "~" else f"{short}:{line} {name}"
