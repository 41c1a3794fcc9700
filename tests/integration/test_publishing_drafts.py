"""Beginning, saving and throwing away drafts, with two editors at once."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletters.kernel.db import Database
from newsletters.publishing.drafts import (
    LONGEST_BODY,
    Conflict,
    IssueText,
    NotEditable,
    Saved,
    TextTooLong,
    discard,
    last_issue,
    new_issue,
    save,
)
from newsletters.publishing.models import Issue, IssueRevision, IssueState
from newsletters.publishing.revisions import MUCH_LOST, Gap, Line, Note, compare, newest, revisions
from tests.conftest import NOW
from tests.factories import make_issue, make_newsletter


def test_a_new_issue_is_an_empty_draft_with_a_history(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=7, now=NOW)

        assert (issue.state, issue.subject, issue.body) == (IssueState.DRAFT, "", "")
        assert [one.note for one in revisions(session, issue.id)] == [Note.BEGUN.value]


def test_a_new_issue_may_begin_with_an_earlier_ones_text(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        make_issue(session, newsletter, subject="Old", body="Older")
        earlier = make_issue(session, newsletter, subject="Morning", body="Good morning")

        issue = new_issue(session, newsletter, author_id=7, now=NOW, like=last_issue(session, newsletter.id))

        assert (issue.subject, issue.body) == (earlier.subject, earlier.body)


def test_saving_writes_the_text_and_raises_the_version(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=7, now=NOW)

        outcome = save(
            session,
            issue,
            text=IssueText("Нова влада: що далі", "Why", "Text"),
            base_version=1,
            editor_id=7,
            now=NOW,
        )

        assert outcome == Saved(2)
        assert (issue.subject, issue.preheader, issue.body) == ("Нова влада: що далі", "Why", "Text")
        assert issue.slug == "nova-vlada-shcho-dali"


def test_two_issues_of_one_subject_get_two_addresses(db: Database) -> None:
    with db.transaction() as session:
        newsletter = make_newsletter(session)
        slugs = []
        for _ in range(3):
            issue = new_issue(session, newsletter, author_id=7, now=NOW)
            save(session, issue, text=IssueText("Weekly"), base_version=1, editor_id=7, now=NOW)
            slugs.append(issue.slug)

        assert slugs == ["weekly", "weekly-2", "weekly-3"]


def test_the_second_of_two_editors_is_told_and_loses_nothing(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), body="Common text")
        issue_id = issue.id
    with db.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        save(session, issue, text=IssueText("S", "P", "Ada's"), base_version=1, editor_id=1, now=NOW)

    with db.transaction() as session:
        issue = session.get_one(Issue, issue_id)
        outcome = save(
            session, issue, text=IssueText("S", "P", "Bohdan's"), base_version=1, editor_id=2, now=NOW
        )

    with db.reading() as session:
        assert isinstance(outcome, Conflict)
        assert outcome.version == 2
        assert session.get_one(Issue, issue_id).body == "Ada's"
        kept = session.get_one(IssueRevision, outcome.kept_id)
        assert (kept.body, kept.editor_id, kept.note) == ("Bohdan's", 2, Note.APART.value)


def test_a_copy_kept_apart_grows_and_does_not_multiply(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), version=5)
        for body in ("one", "one two", "one two three"):
            save(session, issue, text=IssueText("S", "P", body), base_version=4, editor_id=2, now=NOW)

        assert [one.body for one in revisions(session, issue.id)] == ["one two three"]


def test_the_same_text_from_two_windows_is_no_conflict(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), version=5)

        outcome = save(session, issue, text=IssueText.of(issue), base_version=4, editor_id=2, now=NOW)

        assert outcome == Saved(5)


@pytest.mark.parametrize(
    "state", [IssueState.SCHEDULED, IssueState.PAUSED, IssueState.CANCELLED, IssueState.MISSED]
)
def test_only_a_draft_is_written_to(db: Database, state: IssueState) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), state=state)

        with pytest.raises(NotEditable):
            save(session, issue, text=IssueText("S"), base_version=1, editor_id=1, now=NOW)


def test_control_characters_do_not_get_in(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session))

        save(
            session,
            issue,
            text=IssueText("One\r\nBcc: x\0y", " a \t b ", "1\r\n2\r3\0\x1b[31m"),
            base_version=1,
            editor_id=1,
            now=NOW,
        )

        assert (issue.subject, issue.preheader, issue.body) == ("One Bcc: xy", "a b", "1\n2\n3[31m")


def test_more_than_an_issue_holds_is_refused(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session))

        with pytest.raises(TextTooLong):
            save(
                session,
                issue,
                text=IssueText("S", "P", "x" * (LONGEST_BODY + 1)),
                base_version=1,
                editor_id=1,
                now=NOW,
            )


def test_one_sitting_is_one_revision(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        for minute, body in enumerate(("a", "ab", "abc", "abcd")):
            save(
                session,
                issue,
                text=IssueText("S", "P", body),
                base_version=minute + 1,
                editor_id=1,
                now=NOW + timedelta(minutes=2 * minute),
            )

        assert [one.body for one in revisions(session, issue.id)] == ["abcd", "abc", ""]


def test_another_editor_begins_a_revision_of_their_own(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        save(session, issue, text=IssueText("S", "P", "one"), base_version=1, editor_id=1, now=NOW)
        save(session, issue, text=IssueText("S", "P", "one two"), base_version=2, editor_id=2, now=NOW)

        assert [(one.body, one.editor_id) for one in revisions(session, issue.id)][:2] == [
            ("one two", 2),
            ("one", 1),
        ]


def test_what_a_copy_kept_apart_replaces_stays_in_the_history(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        save(session, issue, text=IssueText("S", "P", "phone"), base_version=1, editor_id=1, now=NOW)
        save(session, issue, text=IssueText("S", "P", "desktop"), base_version=1, editor_id=1, now=NOW)

        save(session, issue, text=IssueText("S", "P", "desktop!"), base_version=2, editor_id=1, now=NOW)

        assert [one.body for one in revisions(session, issue.id)] == ["desktop!", "desktop", "phone", ""]


def test_a_page_emptied_by_mistake_can_be_had_again(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        long = "x" * MUCH_LOST
        save(session, issue, text=IssueText("S", "P", long), base_version=1, editor_id=1, now=NOW)
        save(session, issue, text=IssueText("S", "P", ""), base_version=2, editor_id=1, now=NOW)

        assert [one.body for one in revisions(session, issue.id)][:2] == ["", long]


def test_the_newest_revision_always_equals_the_issue(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        bodies = ["a", "ab", "", "ab", "ab", "x" * 300, "y"]
        for version, body in enumerate(bodies, 1):
            save(session, issue, text=IssueText("S", "P", body), base_version=version, editor_id=1, now=NOW)
            last = newest(session, issue.id)

            assert last is not None
            assert last.body == issue.body == body


def test_a_thrown_away_draft_leaves_nothing(db: Database) -> None:
    with db.transaction() as session:
        issue = new_issue(session, make_newsletter(session), author_id=1, now=NOW)
        discard(session, issue)

    with db.reading() as session:
        assert session.scalars(select(Issue)).all() == []
        assert session.scalars(select(IssueRevision)).all() == []


def test_a_sent_issue_cannot_be_thrown_away(db: Database) -> None:
    with db.transaction() as session:
        issue = make_issue(session, make_newsletter(session), state=IssueState.PAUSED)

        with pytest.raises(NotEditable):
            discard(session, issue)


def test_a_comparison_sets_lines_side_by_side() -> None:
    old = "\n".join(["head", *map(str, range(10)), "gone", "tail"])
    new = "\n".join(["head", *map(str, range(10)), "come", "come too", "tail"])

    assert compare(old, new, context=2) == [
        Gap(9),
        Line("8", "8"),
        Line("9", "9"),
        Line("gone", "come"),
        Line(None, "come too"),
        Line("tail", "tail"),
    ]
