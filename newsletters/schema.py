"""Imports every models module, so that the metadata is complete for migrations and checks."""

import newsletters.accounts.factor_models
import newsletters.accounts.models
import newsletters.bounces.models
import newsletters.bounces.providers.models
import newsletters.bounces.quarantined
import newsletters.delivery.models
import newsletters.delivery.shaping_models
import newsletters.kernel.limits
import newsletters.kernel.restorations
import newsletters.kernel.roster
import newsletters.kernel.turns
import newsletters.mail.domains.models
import newsletters.mail.models
import newsletters.publishing.models
import newsletters.publishing.signature_models
import newsletters.subscribers.count_models
import newsletters.subscribers.digest_models
import newsletters.subscribers.form_models
import newsletters.subscribers.models
import newsletters.subscribers.suppression_models  # noqa: F401  (each import is for its effect on the metadata)
from newsletters.kernel.columns import Base

metadata = Base.metadata
