"""A finding about the configuration, in codes and values. The words are in the catalogues."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum

from kiosk.system.translations import Translator


class Severity(IntEnum):
    """What a finding means for the kiosk."""

    NOTICE = 1
    """All works, but perhaps not as meant."""
    WRONG = 2
    """The gate works, but something that the file names does not."""
    STOPS = 3
    """The kiosk cannot start."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `code` completes the message id `config.CODE`, or is the id of a TLS sentence (`tls.CODE`)."""

    code: str
    severity: Severity
    settings: tuple[str, ...]
    """Dotted names of the settings that it is about."""
    values: Mapping[str, object] = field(default_factory=dict)
    """For the placeholders of the message."""


def finding_message(t: Translator, finding: Finding) -> str:
    """The settings, what is wrong, and what to do."""
    msgid = finding.code if finding.code.startswith("tls.") else f"config.{finding.code}"
    return f"{', '.join(finding.settings)}: {t(msgid, **finding.values)}"
