"""How limits and standings of servers and providers are said to people."""

from flask_babel import format_decimal

from newsletters.delivery.servers import Standing
from newsletters.delivery.servers_queries import ProviderView, ServerView
from newsletters.delivery.shaping import Limits
from newsletters.delivery.throttle import PERIODS, Rate
from newsletters.web.tongue import _, ngettext

SECOND, MINUTE, HOUR, DAY = PERIODS.values()


def state_of_server(view: ServerView) -> tuple[str, str]:
    """The badge's state and word."""
    if view.standing is Standing.RESTING:
        return "paused", _("Resting")
    if view.standing is Standing.TRYING:
        return "waiting", _("Tried with the next letter")
    if view.speed is not None:
        return "warning", _("Slowed down")
    if view.state.first_used_at is None:
        return "draft", _("Never used")
    return "ok", _("Takes mail")


def state_of_provider(view: ProviderView) -> tuple[str, str]:
    """The badge's state and word: resting as soon as it rests at one server."""
    standings = {rest.standing for rest in view.rests}
    if Standing.RESTING in standings:
        return "paused", _("Resting")
    return ("waiting", _("Tried with the next letter")) if standings else ("ok", _("Takes mail"))


def is_resting(view: ProviderView) -> bool:
    return any(rest.standing is Standing.RESTING for rest in view.rests)


def limits_in_words(limits: Limits) -> str:
    """What the rules allow; empty where they limit nothing."""
    said: list[str] = []
    if limits.connections is not None:
        said.append(
            ngettext("%(num)s connection at a time", "%(num)s connections at a time", limits.connections)
        )
    if limits.messages is not None:
        said.append(_each(limits.messages))
    if limits.rate is not None:
        said.append(rate_in_words(limits.rate))
    if limits.needs_tls:
        said.append(_("TLS required"))
    return ", ".join(said)


def connections_in_words(view: ServerView) -> str:
    """What one worker, or all of them together, may open, and what a connection carries."""
    most = view.limits.connections
    if most is not None:
        opened = ngettext("%(num)s for all workers", "%(num)s for all workers", most)
    else:
        most = view.server.connections
        opened = ngettext("%(num)s for each worker", "%(num)s for each worker", most)
    carried = view.limits.messages or view.server.messages_per_connection
    return f"{opened}, {_each(carried)}"


def rate_in_words(rate: Rate) -> str:
    """A rate by the unit it was written in."""
    if rate.period == MINUTE:
        return ngettext(
            "%(number)s a minute", "%(number)s a minute", rate.count, number=format_decimal(rate.count)
        )
    if rate.period == HOUR:
        return ngettext(
            "%(number)s an hour", "%(number)s an hour", rate.count, number=format_decimal(rate.count)
        )
    if rate.period == DAY:
        return ngettext("%(number)s a day", "%(number)s a day", rate.count, number=format_decimal(rate.count))
    return _("%(speed)s a second", speed=f"{rate.speed:g}")


def rate_of_server(view: ServerView) -> str:
    """The configured rate of a server; empty where there is none."""
    if view.limits.rate is not None:
        return rate_in_words(view.limits.rate)
    if view.server.rate is not None:
        return _("%(speed)s a second", speed=f"{view.server.rate:g}")
    return ""


def _each(messages: int) -> str:
    return ngettext(
        "%(number)s message each", "%(number)s messages each", messages, number=format_decimal(messages)
    )
