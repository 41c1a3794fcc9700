"""Every SMTP reply of the mail door (RFC 5321, enhanced codes of RFC 3463)."""

OK = "250 2.1.5 Ok"
DONE = "250 2.0.0 Done"
NO_SUCH_MAILBOX = "550 5.1.1 No such mailbox here"
TOO_MANY_RECIPIENTS = "452 4.5.3 One recipient at a time"
TRY_LATER = "451 4.3.0 Not now, try again later"
