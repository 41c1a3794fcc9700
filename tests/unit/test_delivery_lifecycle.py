import itertools

import pytest

from newsletters.publishing.lifecycle import TRANSITIONS, Action, can
from newsletters.publishing.models import Issue, IssueState

EDITORS_MAY = {
    IssueState.DRAFT: {Action.SCHEDULE},
    IssueState.SCHEDULED: {Action.SCHEDULE, Action.UNSCHEDULE},
    IssueState.MISSED: {Action.SCHEDULE, Action.UNSCHEDULE},
    IssueState.SENDING: {Action.PAUSE, Action.CANCEL, Action.REOPEN},
    IssueState.PAUSED: {Action.PAUSE, Action.RESUME, Action.CANCEL, Action.REOPEN},
    IssueState.SENT: {Action.REOPEN},
    IssueState.CANCELLED: set(),
}
WORKERS = {Action.START, Action.MISS, Action.FINISH}


@pytest.mark.parametrize("state", IssueState)
def test_an_editor_may_do_this_and_nothing_else(state: IssueState) -> None:
    issue = Issue(state=state)

    assert {action for action in set(Action) - WORKERS if can(issue, action)} == EDITORS_MAY[state]


def test_only_a_scheduled_issue_starts_and_only_a_sending_one_finishes() -> None:
    starts = {state for (state, action) in TRANSITIONS if action in (Action.START, Action.MISS)}
    finishes = {state for (state, action) in TRANSITIONS if action is Action.FINISH}

    assert (starts, finishes) == ({IssueState.SCHEDULED}, {IssueState.SENDING})


def test_cancelled_is_the_end() -> None:
    assert not [key for key in TRANSITIONS if key[0] is IssueState.CANCELLED]


def test_every_state_can_be_reached_from_a_draft() -> None:
    reached = {IssueState.DRAFT}
    for _, ((state, _action), target) in itertools.product(IssueState, TRANSITIONS.items()):
        if state in reached:
            reached.add(target)

    assert reached == set(IssueState)
