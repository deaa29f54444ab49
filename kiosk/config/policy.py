"""From the configuration's words to the policy that the rules read."""

from kiosk import config
from kiosk.core.model import Assurance, CodeKind
from kiosk.core.rules import Hours, Policy

HOUR_S = 3600.0


def policy_of(settings: config.Settings) -> Policy:
    """The policy in force."""
    rules = settings.policy
    words = {
        CodeKind.ENTRY_PASS: rules.accept_pass,
        CodeKind.HCERT: rules.accept_hcert,
        CodeKind.NATIONAL: rules.accept_national,
        CodeKind.ID_CARD: rules.accept_id_card,
        CodeKind.INSURANCE: rules.accept_insurance,
    }
    return Policy(
        accept={kind: Assurance(word) for kind, word in words.items() if word != "no"},
        direction=settings.visit.direction,
        anti_passback=settings.visit.anti_passback,
        status_classes=frozenset(rules.status_classes) or None,
        declaration=rules.declaration,
        declaration_max_age_s=_seconds(rules.declaration_max_age_h),
        opens=tuple(Hours.parse(text) for text in rules.opens),
        capacity=rules.capacity,
        lists_max_age_s=_seconds(rules.lists_max_age_h),
        stale_lists=rules.stale_lists,
        unset_clock=rules.unset_clock,
        timezone=settings.visit.timezone,
    )


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * HOUR_S
