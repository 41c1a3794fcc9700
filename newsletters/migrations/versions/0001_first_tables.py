"""first tables"""

import sqlalchemy as sa
from alembic import op

from newsletters.kernel.columns import BigId, UtcDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("actor_id", BigId, nullable=True),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("subject", sa.String(length=40), nullable=False),
        sa.Column("subject_id", BigId, nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_log")),
    )
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_log_at"), ["at"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_audit_log_subject_subject_id"), ["subject", "subject_id"], unique=False
        )

    op.create_table(
        "bounces",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("issue_id", BigId, nullable=True),
        sa.Column(
            "kind",
            sa.Enum(
                "hard", "soft", "policy", name="kind", native_enum=False, create_constraint=True, length=20
            ),
            nullable=False,
        ),
        sa.Column("reply", sa.String(length=500), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bounces")),
    )
    with op.batch_alter_table("bounces", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bounces_issue_id"), ["issue_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_bounces_subscriber_id_at"), ["subscriber_id", "at"], unique=False
        )

    op.create_table(
        "complaints",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("issue_id", BigId, nullable=True),
        sa.Column("source", sa.String(length=60), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_complaints")),
    )
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_complaints_issue_id"), ["issue_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_complaints_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "editors",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column(
            "role",
            sa.Enum("owner", "editor", name="role", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("password_hash", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("disabled_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_editors")),
        sa.UniqueConstraint("email_key", name=op.f("uq_editors_email_key")),
    )
    op.create_table(
        "erasures",
        sa.Column("subscriber_id", BigId, autoincrement=False, nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("subscriber_id", name=op.f("pk_erasures")),
    )
    op.create_table(
        "link_checks",
        sa.Column("url_hash", sa.String(length=64), nullable=False),
        sa.Column("problem", sa.String(length=20), nullable=False),
        sa.Column("checked_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("url_hash", name=op.f("pk_link_checks")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipient", sa.String(length=320), nullable=False),
        sa.Column("subscriber_id", BigId, nullable=True),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("sender_name", sa.String(length=120), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("message_id", sa.String(length=200), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "accepted",
                "failed",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("reply", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_outbox_state_due_at"), ["state", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_outbox_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "pictures",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("width", sa.Integer(), nullable=False),
        sa.Column("height", sa.Integer(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pictures")),
        sa.UniqueConstraint("name", name=op.f("uq_pictures_name")),
    )
    op.create_table(
        "rate_windows",
        sa.Column("key", sa.String(length=120), nullable=False),
        sa.Column("starts_at", UtcDateTime(), nullable=False),
        sa.Column("ends_at", UtcDateTime(), nullable=False),
        sa.Column("hits", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", "starts_at", name=op.f("pk_rate_windows")),
    )
    with op.batch_alter_table("rate_windows", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rate_windows_ends_at"), ["ends_at"], unique=False)

    op.create_table(
        "subscribers",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column(
            "email_key",
            sa.String(length=320).with_variant(sa.String(length=320, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column(
            "name_key",
            sa.String(length=360).with_variant(sa.String(length=360, collation="C"), "postgresql"),
            nullable=False,
        ),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("links_version", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscribers")),
        sa.UniqueConstraint("email_key", name=op.f("uq_subscribers_email_key")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("subscribers", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_subscribers_address_hash"), ["address_hash"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscribers_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_subscribers_name_key"), ["name_key"], unique=False)

    op.create_table(
        "suppressions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=40), nullable=False),
        sa.Column(
            "reason",
            sa.Enum(
                "hard_bounce",
                "soft_bounces",
                "complaint",
                "editor",
                "erased",
                name="reason",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("actor", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("lifted_at", UtcDateTime(), nullable=True),
        sa.Column("lifted_reason", sa.String(length=500), nullable=False),
        sa.CheckConstraint(
            "lifted_at IS NULL OR lifted_reason <> ''", name=op.f("ck_suppressions_lifting_has_a_reason")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint("address_hash", "scope", name=op.f("uq_suppressions_address_hash_scope")),
    )
    op.create_table(
        "address_changes",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_address_changes_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_changes")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("address_changes", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_address_changes_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "confirmations",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("code_hash", sa.String(length=64), nullable=False),
        sa.Column("code_attempts", sa.Integer(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("scanned_at", UtcDateTime(), nullable=True),
        sa.Column("scanned_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_confirmations_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_confirmations")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("confirmations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_confirmations_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "editor_sessions",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("editor_id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("browser", sa.String(length=200), nullable=False),
        sa.ForeignKeyConstraint(
            ["editor_id"],
            ["editors.id"],
            name=op.f("fk_editor_sessions_editor_id_editors"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_editor_sessions")),
    )
    with op.batch_alter_table("editor_sessions", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_editor_sessions_editor_id"), ["editor_id"], unique=False)

    op.create_table(
        "invitations",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("email", sa.String(length=320), nullable=False),
        sa.Column("email_key", sa.String(length=320), nullable=False),
        sa.Column(
            "role",
            sa.Enum("owner", "editor", name="role", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("invited_by_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.Column("revoked_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["invited_by_id"],
            ["editors.id"],
            name=op.f("fk_invitations_invited_by_id_editors"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_invitations_email_key"), ["email_key"], unique=False)

    op.create_table(
        "newsletters",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("slug", sa.String(length=80), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("tagline", sa.String(length=300), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("sample", sa.Text(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("cadence", sa.String(length=120), nullable=False),
        sa.Column("byline", sa.String(length=120), nullable=False),
        sa.Column("sender_name", sa.String(length=120), nullable=False),
        sa.Column("sender_email", sa.String(length=320), nullable=False),
        sa.Column("reply_to", sa.String(length=320), nullable=False),
        sa.Column("postal_address", sa.String(length=300), nullable=False),
        sa.Column("timezone", sa.String(length=60), nullable=False),
        sa.Column("accent", sa.String(length=20), nullable=False),
        sa.Column("logo_id", BigId, nullable=True),
        sa.Column("footer", sa.Text(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("next_issue_on", UtcDateTime(), nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("retired_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["logo_id"], ["pictures.id"], name=op.f("fk_newsletters_logo_id_pictures"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_newsletters")),
        sa.UniqueConstraint("slug", name=op.f("uq_newsletters_slug")),
    )
    op.create_table(
        "password_resets",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("editor_id", BigId, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=False),
        sa.Column("used_at", UtcDateTime(), nullable=True),
        sa.ForeignKeyConstraint(
            ["editor_id"],
            ["editors.id"],
            name=op.f("fk_password_resets_editor_id_editors"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_password_resets")),
    )
    with op.batch_alter_table("password_resets", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_password_resets_editor_id"), ["editor_id"], unique=False)

    op.create_table(
        "signup_requests",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("form", sa.String(length=120), nullable=False),
        sa.Column("page", sa.String(length=1000), nullable=False),
        sa.Column("signals", sa.String(length=200), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_signup_requests_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signup_requests")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("signup_requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_signup_requests_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_signup_requests_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "issues",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column("slug", sa.String(length=120), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("preheader", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "draft",
                "scheduled",
                "missed",
                "sending",
                "paused",
                "sent",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column(
            "pause_reason",
            sa.Enum(
                "editor",
                "server",
                "complaints",
                "content",
                name="pause_reason",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("pause_detail", sa.String(length=500), nullable=False),
        sa.Column("paused_at", UtcDateTime(), nullable=True),
        sa.Column("resume_at", UtcDateTime(), nullable=True),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("author_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("edited_at", UtcDateTime(), nullable=False),
        sa.Column("send_at", UtcDateTime(), nullable=True),
        sa.Column("scheduled_by_id", BigId, nullable=True),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=True),
        sa.Column("candidates", sa.Integer(), nullable=False),
        sa.Column("prepared", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "state NOT IN ('sending', 'sent') OR content_hash <> ''", name=op.f("ck_issues_sent_is_frozen")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_issues_newsletter_id_newsletters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issues")),
        sa.UniqueConstraint("newsletter_id", "slug", name=op.f("uq_issues_newsletter_id_slug")),
    )
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_issues_newsletter_id_sent_at"), ["newsletter_id", "sent_at"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_issues_state_send_at"), ["state", "send_at"], unique=False)

    op.create_table(
        "optin_wordings",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("consent_text", sa.Text(), nullable=False),
        sa.Column("mail_subject", sa.String(length=200), nullable=False),
        sa.Column("mail_intro", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("created_by_id", BigId, nullable=True),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_optin_wordings_newsletter_id_newsletters")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_optin_wordings")),
        sa.UniqueConstraint("newsletter_id", "version", name=op.f("uq_optin_wordings_newsletter_id_version")),
    )
    op.create_table(
        "subscriptions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "pending",
                "active",
                "paused",
                "unsubscribed",
                "bounced",
                "complained",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column(
            "former_state",
            sa.Enum(
                "pending",
                "active",
                "paused",
                "unsubscribed",
                "bounced",
                "complained",
                name="former_state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=True,
        ),
        sa.Column("requested_at", UtcDateTime(), nullable=False),
        sa.Column("confirmed_at", UtcDateTime(), nullable=True),
        sa.Column("ended_at", UtcDateTime(), nullable=True),
        sa.Column("paused_until", UtcDateTime(), nullable=True),
        sa.Column("source", sa.String(length=120), nullable=False),
        sa.Column("unsubscribed_by_issue_id", BigId, nullable=True),
        sa.CheckConstraint(
            "state <> 'active' OR confirmed_at IS NOT NULL", name=op.f("ck_subscriptions_active_is_confirmed")
        ),
        sa.CheckConstraint(
            "state <> 'paused' OR paused_until IS NOT NULL", name=op.f("ck_subscriptions_paused_has_an_end")
        ),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_subscriptions_newsletter_id_newsletters")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_subscriptions_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subscriptions")),
        sa.UniqueConstraint(
            "subscriber_id", "newsletter_id", name=op.f("uq_subscriptions_subscriber_id_newsletter_id")
        ),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_subscriptions_newsletter_id_confirmed_at"),
            ["newsletter_id", "confirmed_at"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_subscriptions_newsletter_id_ended_at"), ["newsletter_id", "ended_at"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_subscriptions_newsletter_id_state_subscriber_id"),
            ["newsletter_id", "state", "subscriber_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_subscriptions_newsletter_id_subscriber_id"),
            ["newsletter_id", "subscriber_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_subscriptions_paused_until"), ["paused_until"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_subscriptions_state_subscriber_id"), ["state", "subscriber_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_subscriptions_unsubscribed_by_issue_id"),
            ["unsubscribed_by_issue_id"],
            unique=False,
        )

    op.create_table(
        "batches",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum("open", "done", name="state", native_enum=False, create_constraint=True, length=20),
            nullable=False,
        ),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("leased_until", UtcDateTime(), nullable=True),
        sa.Column("worker", sa.String(length=80), nullable=False),
        sa.Column("in_flight_id", BigId, nullable=True),
        sa.Column("worked_at", UtcDateTime(), nullable=True),
        sa.Column("settled", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_batches_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batches")),
        sa.UniqueConstraint("issue_id", "number", name=op.f("uq_batches_issue_id_number")),
    )
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_batches_issue_id_state_due_at"), ["issue_id", "state", "due_at"], unique=False
        )

    op.create_table(
        "consent_records",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("newsletter_id", BigId, nullable=False),
        sa.Column(
            "event",
            sa.Enum(
                "requested",
                "confirmed",
                "withdrawn",
                "paused",
                "resumed",
                name="event",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("mechanism", sa.String(length=40), nullable=False),
        sa.Column("wording_id", BigId, nullable=True),
        sa.Column("form", sa.String(length=120), nullable=False),
        sa.Column("page", sa.String(length=1000), nullable=False),
        sa.Column("signup_request_id", BigId, nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["newsletter_id"], ["newsletters.id"], name=op.f("fk_consent_records_newsletter_id_newsletters")
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"],
            ["subscribers.id"],
            name=op.f("fk_consent_records_subscriber_id_subscribers"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["wording_id"], ["optin_wordings.id"], name=op.f("fk_consent_records_wording_id_optin_wordings")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consent_records")),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("consent_records", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_consent_records_subscriber_id_at"), ["subscriber_id", "at"], unique=False
        )

    op.create_table(
        "deliveries",
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("subscriber_id", BigId, nullable=False),
        sa.Column("batch_id", BigId, nullable=True),
        sa.Column(
            "state",
            sa.Enum(
                "waiting",
                "accepted",
                "bounced",
                "failed",
                "unknown",
                "cancelled",
                name="state",
                native_enum=False,
                create_constraint=True,
                length=20,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(length=30), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime(), nullable=True),
        sa.Column("settled_at", UtcDateTime(), nullable=True),
        sa.Column("reply", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_deliveries_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issue_id", "subscriber_id", name=op.f("pk_deliveries")),
    )
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_deliveries_batch_id_state_subscriber_id"),
            ["batch_id", "state", "subscriber_id"],
            unique=False,
        )
        batch_op.create_index(
            batch_op.f("ix_deliveries_issue_id_state_subscriber_id"),
            ["issue_id", "state", "subscriber_id"],
            unique=False,
        )
        batch_op.create_index(batch_op.f("ix_deliveries_subscriber_id"), ["subscriber_id"], unique=False)

    op.create_table(
        "issue_exclusions",
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("readers", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_issue_exclusions_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issue_id", "reason", name=op.f("pk_issue_exclusions")),
    )
    op.create_table(
        "issue_revisions",
        sa.Column("id", BigId, autoincrement=True, nullable=False),
        sa.Column("issue_id", BigId, nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("preheader", sa.String(length=300), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("note", sa.String(length=200), nullable=False),
        sa.Column("editor_id", BigId, nullable=True),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(
            ["issue_id"], ["issues.id"], name=op.f("fk_issue_revisions_issue_id_issues"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_issue_revisions")),
    )
    with op.batch_alter_table("issue_revisions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_issue_revisions_issue_id_created_at"), ["issue_id", "created_at"], unique=False
        )

    op.create_table(
        "moved_subscriptions",
        sa.Column("old_id", BigId, autoincrement=False, nullable=False),
        sa.Column("subscription_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(
            ["subscription_id"],
            ["subscriptions.id"],
            name=op.f("fk_moved_subscriptions_subscription_id_subscriptions"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("old_id", name=op.f("pk_moved_subscriptions")),
    )
    with op.batch_alter_table("moved_subscriptions", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_moved_subscriptions_subscription_id"), ["subscription_id"], unique=False
        )


def downgrade() -> None:
    with op.batch_alter_table("moved_subscriptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_moved_subscriptions_subscription_id"))

    op.drop_table("moved_subscriptions")
    with op.batch_alter_table("issue_revisions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_issue_revisions_issue_id_created_at"))

    op.drop_table("issue_revisions")
    op.drop_table("issue_exclusions")
    with op.batch_alter_table("deliveries", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_deliveries_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_deliveries_issue_id_state_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_deliveries_batch_id_state_subscriber_id"))

    op.drop_table("deliveries")
    with op.batch_alter_table("consent_records", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_consent_records_subscriber_id_at"))

    op.drop_table("consent_records")
    with op.batch_alter_table("batches", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_batches_issue_id_state_due_at"))

    op.drop_table("batches")
    with op.batch_alter_table("subscriptions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscriptions_unsubscribed_by_issue_id"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_state_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_paused_until"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_newsletter_id_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_newsletter_id_state_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_newsletter_id_ended_at"))
        batch_op.drop_index(batch_op.f("ix_subscriptions_newsletter_id_confirmed_at"))

    op.drop_table("subscriptions")
    op.drop_table("optin_wordings")
    with op.batch_alter_table("issues", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_issues_state_send_at"))
        batch_op.drop_index(batch_op.f("ix_issues_newsletter_id_sent_at"))

    op.drop_table("issues")
    with op.batch_alter_table("signup_requests", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_signup_requests_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_signup_requests_created_at"))

    op.drop_table("signup_requests")
    with op.batch_alter_table("password_resets", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_password_resets_editor_id"))

    op.drop_table("password_resets")
    op.drop_table("newsletters")
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_invitations_email_key"))

    op.drop_table("invitations")
    with op.batch_alter_table("editor_sessions", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_editor_sessions_editor_id"))

    op.drop_table("editor_sessions")
    with op.batch_alter_table("confirmations", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_confirmations_subscriber_id"))

    op.drop_table("confirmations")
    with op.batch_alter_table("address_changes", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_address_changes_subscriber_id"))

    op.drop_table("address_changes")
    op.drop_table("suppressions")
    with op.batch_alter_table("subscribers", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_subscribers_name_key"))
        batch_op.drop_index(batch_op.f("ix_subscribers_created_at"))
        batch_op.drop_index(batch_op.f("ix_subscribers_address_hash"))

    op.drop_table("subscribers")
    with op.batch_alter_table("rate_windows", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rate_windows_ends_at"))

    op.drop_table("rate_windows")
    op.drop_table("pictures")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_outbox_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_outbox_state_due_at"))

    op.drop_table("outbox")
    op.drop_table("link_checks")
    op.drop_table("erasures")
    op.drop_table("editors")
    with op.batch_alter_table("complaints", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_complaints_subscriber_id"))
        batch_op.drop_index(batch_op.f("ix_complaints_issue_id"))

    op.drop_table("complaints")
    with op.batch_alter_table("bounces", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bounces_subscriber_id_at"))
        batch_op.drop_index(batch_op.f("ix_bounces_issue_id"))

    op.drop_table("bounces")
    with op.batch_alter_table("audit_log", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_log_subject_subject_id"))
        batch_op.drop_index(batch_op.f("ix_audit_log_at"))

    op.drop_table("audit_log")
