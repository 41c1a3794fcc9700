"""What the slugs of the audit log say to people."""

from flask_babel import lazy_gettext as _l

ACTIONS = {
    "editor.signed_in": _l("signed in"),
    "editor.sign_in_failed": _l("gave a wrong password"),
    "editor.created": _l("made an account"),
    "editor.password_changed": _l("changed a password"),
    "editor.reset_asked": _l("asked for a new password by mail"),
    "editor.renamed": _l("changed their name"),
    "editor.role_changed": _l("changed a role"),
    "editor.disabled": _l("disabled an account"),
    "editor.enabled": _l("enabled an account again"),
    "editor.code_asked": _l("gave the right password and was asked for a code"),
    "editor.code_failed": _l("gave a wrong code"),
    "editor.recovery_code_used": _l("used a recovery code"),
    "editor.factor_on": _l("turned on a second step for signing in"),
    "editor.factor_replaced": _l("moved the second step to another app"),
    "editor.factor_off": _l("turned off the second step for signing in"),
    "editor.factor_codes": _l("made new recovery codes"),
    "editor.factor_reset": _l("reset the second step of an account"),
    "editor.factor_required": _l("required a second step of everybody"),
    "editor.factor_left_to_each": _l("left the second step to each editor"),
    "invitation.sent": _l("sent an invitation"),
    "invitation.withdrawn": _l("withdrew an invitation"),
    "invitation.accepted": _l("accepted an invitation"),
    "newsletter.created": _l("founded a newsletter"),
    "newsletter.edited": _l("changed a newsletter’s settings"),
    "newsletter.reworded": _l("changed the opt-in words"),
    "newsletter.retired": _l("retired a newsletter"),
    "newsletter.restored": _l("restored a newsletter"),
    "issue.created": _l("began an issue"),
    "issue.deleted": _l("deleted a draft"),
    "issue.test_sent": _l("sent a test"),
    "issue.sent": _l("sent an issue"),
    "issue.scheduled": _l("scheduled an issue"),
    "issue.domain_overruled": _l("sent from a broken domain all the same"),
    "issue.unscheduled": _l("took back a schedule"),
    "issue.paused": _l("paused an issue"),
    "issue.resumed": _l("resumed an issue"),
    "issue.cancelled": _l("cancelled an issue"),
    "issue.retried": _l("retried failed deliveries"),
    "readers.imported": _l("imported readers"),
    "readers.exported": _l("exported readers"),
    "reader.exported": _l("exported a reader’s data"),
    "reader.erased": _l("erased a reader"),
    "reader.confirmation_sent": _l("sent a reader the confirmation mail once more"),
    "reader.link_sent": _l("sent a reader their preferences link"),
    "form.saved": _l("saved a sign-up form"),
    "form.deleted": _l("deleted a sign-up form"),
    "signup.let_through": _l("let a held sign-up through"),
    "signup.left": _l("left a held sign-up"),
    "returned.acted": _l("decided what a returned mail says"),
    "returned.dropped": _l("dropped a returned mail"),
    "returned.forgiven": _l("said that a provider was out of order"),
    "returned.condemned": _l("said that a domain’s addresses are dead"),
    "database.restored": _l("put a copy of the database in its place"),
    "sending.released": _l("released the sending after a restoration"),
    "server.tried": _l("had a resting mail server tried"),
    "provider.tried": _l("had a resting provider tried"),
    "suppression.added": _l("stopped all mail to a reader"),
    "suppression.lifted": _l("lifted a suppression"),
    "suppression.put_back": _l("put a suppression back"),
    "suppressions.imported": _l("imported suppressions"),
    "suppressions.exported": _l("exported suppressions"),
}
KINDS = {
    "editor": _l("Accounts"),
    "invitation": _l("Invitations"),
    "newsletter": _l("Newsletters"),
    "issue": _l("Issues"),
    "readers": _l("Imports and exports"),
    "reader": _l("Readers"),
    "form": _l("Sign-up forms"),
    "signup": _l("Held sign-ups"),
    "returned": _l("Returned mail"),
    "suppression": _l("Suppressions"),
    "database": _l("The database"),
    "sending": _l("Sending"),
    "server": _l("Mail servers"),
    "provider": _l("Providers"),
    "suppressions": _l("Imports and exports of suppressions"),
}


def action_words(action: str) -> str:
    """What was done, in words; a slug without any stands as it is."""
    return str(ACTIONS.get(action, action))


def subject_words(subject: str) -> str:
    """What something was done to, where it has no number of its own."""
    return str(KINDS.get(subject, subject))
