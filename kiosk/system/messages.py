"""Texts for decisions and health checks, made from the codes that processes exchange."""

from kiosk.core.status import HealthCheck
from kiosk.system.number_format import format_quantity
from kiosk.system.translations import Translator
from mqtt.connection import BrokerConnectionError


def outcome_message(t: Translator, outcome: str, direction: str | None = None) -> str:
    """What the person at the gate reads: two or three words, for a pass with its direction (`Please go in`)."""
    directed = f"{outcome}.{direction}"
    return t.code("outcome", directed if t.has(f"outcome.{directed}") else outcome)


def check_message(t: Translator, check: HealthCheck) -> str:
    """Result of a health check and what to do, with its technical detail in brackets. An unknown check shows its code."""
    msgid = f"check.{check.code}.{check.reason or check.status}"
    value = check_value(t, check)
    text = (
        t(msgid, value=value, detail=check.detail) if t.has(msgid) else f"{check.code}: {check.reason or check.status}"
    )
    return f"{text} ({check.detail})" if check.detail and check.detail not in text else text


def check_value(t: Translator, check: HealthCheck) -> str:
    """The measured value with its unit. Empty if the check has none."""
    return format_quantity(t, check.value, check.unit)


def broker_error_message(t: Translator, error: BrokerConnectionError) -> str:
    """Why there is no connection to the broker. Failures of TLS have their sentence in the language, others their English text."""
    return t(f"tls.{error.code}", **error.values) if error.code else str(error)
