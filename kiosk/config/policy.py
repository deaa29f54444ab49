"""Builds the access policy of the rules from the configuration."""

from kiosk import config
from kiosk.core.model import Assurance, CodeKind
from kiosk.core.rules import AccessPolicy, OpeningHours

HOUR_S = 3600.0


def build_policy(settings: config.Settings) -> AccessPolicy:
    """Build the policy. Hours become seconds."""
    rules = settings.access
    accepted = {
        CodeKind.ENTRY_PASS: rules.accept_entry_pass,
        CodeKind.HCERT: rules.accept_hcert,
        CodeKind.NATIONAL_QR: rules.accept_national,
        CodeKind.ID_CARD: rules.accept_id_card,
        CodeKind.INSURANCE: rules.accept_insurance,
    }
    return AccessPolicy(
        min_assurance={kind: Assurance(word) for kind, word in accepted.items() if word != "no"},
        direction=settings.access.direction,
        anti_passback=settings.access.anti_passback,
        status_classes=frozenset(rules.status_classes) or None,
        declaration=rules.declaration,
        declaration_max_age_s=_seconds(rules.declaration_max_age_h),
        opening_hours=tuple(OpeningHours.parse(text) for text in rules.opening_hours),
        capacity=rules.capacity,
        lists_max_age_s=_seconds(rules.lists_max_age_h),
        on_stale_lists=rules.on_stale_lists,
        on_unset_clock=rules.on_unset_clock,
        rotating_on_unset_clock=rules.rotating_on_unset_clock,
        hcert_vaccination=rules.hcert_vaccination,
        hcert_test_max_age_s=_seconds(rules.hcert_test_max_age_h),
        clock_leeway_s=rules.clock_leeway_s,
        timezone=settings.site.timezone,
    )


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * HOUR_S
