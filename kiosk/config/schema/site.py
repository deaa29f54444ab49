"""Where a device stands, who may pass there, and what counts as one visit."""

import re
import unicodedata
from typing import Annotated, Literal

from pydantic import Field, field_validator

from kiosk.config.opening_hours import opening_hours_hint
from kiosk.config.schema.section import Section, TopicName
from kiosk.config.time_zones import time_zone_error
from kiosk.core.rules import OpeningHours
from kiosk.system.translations import languages

PrintedText = Annotated[str, Field(max_length=80)]


class SiteSettings(Section):
    """Where this device stands."""

    site: TopicName
    """The place: a market, an office. Part of the MQTT topic."""
    device: TopicName
    """This gate. Part of the MQTT topic. The certificate of the device names SITE/DEVICE."""
    language: str = "vi"
    """Language of messages for people, and of the pages until the reader chooses another: one that has a catalogue."""
    timezone: str = "Asia/Ho_Chi_Minh"
    """IANA name of the time zone: for opening hours, the daily reset and the web pages."""
    title: PrintedText = ""
    """Name of the place for people, for example `Chợ Đông Ba`. Empty: the pages show `site`."""
    gate_title: PrintedText = ""
    """Name of this gate for people, for example `Cổng 1`. Empty: the pages show `device`."""
    help_contact: PrintedText = ""
    """Who helps people at this place, for example `Ban quản lý chợ`. The pages and printed sheets name them."""
    help_phone: Annotated[str, Field(max_length=40)] = ""
    """Telephone number of `help_contact`, as people dial it."""

    @field_validator("title", "gate_title", "help_contact", "help_phone")
    @classmethod
    def _check_is_printable(cls, text: str) -> str:
        if not text.isprintable():
            raise ValueError("has characters that cannot be printed, such as a line end")
        return unicodedata.normalize("NFC", " ".join(text.split()))

    @field_validator("help_phone")
    @classmethod
    def _check_phone(cls, phone: str) -> str:
        if phone and not (re.fullmatch(r"\+?[0-9 .()/-]+", phone) and sum(map(str.isdigit, phone)) >= 3):
            raise ValueError(f"{phone!r} is no telephone number. Use digits, spaces, and + at the beginning")
        return phone

    @field_validator("language")
    @classmethod
    def _check_language(cls, language: str) -> str:
        if language not in languages():
            raise ValueError(f"{language!r} has no catalogue. Known here: {', '.join(languages())}")
        return language

    @field_validator("timezone")
    @classmethod
    def _check_timezone(cls, timezone: str) -> str:
        error = time_zone_error(timezone)
        if error:
            raise ValueError(f"{timezone!r} {error}")
        return timezone


class VisitSettings(Section):
    """What counts as one visit."""

    repeat_window_s: float = Field(default=8.0, gt=0, le=3600)
    """A person seen again within this time since they were last in view is still the same visit, seconds."""
    undo_window_s: float = Field(default=30.0, ge=0, le=300)
    """How long a guard can undo the last event, seconds. 0: never."""


class AccessSettings(Section):
    """Who may pass here. For each kind of code: `verified` requires a signature, `recognised` a valid form, `no` refuses it."""

    direction: Literal["in", "out", "alternating"] = "alternating"
    """Direction of the gate. `alternating`: each person goes in, then out, then in."""
    anti_passback: Literal["off", "soft", "hard"] = "off"
    """A person who passes twice in the same direction: `off` ignores it, `soft` asks the guard, `hard` refuses."""
    daily_reset_at: str = Field(default="03:00", pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    """Local time at which all people count as gone."""
    accept_entry_pass: Literal["verified", "no"] = "verified"
    """The project's own signed pass."""
    accept_hcert: Literal["verified", "no"] = "verified"
    """EU DCC and Vietnam's vaccine passport."""
    accept_national: Literal["recognised", "no"] = "recognised"
    """The national personal QR (Hue-S card, PC-Covid). Unsigned."""
    accept_id_card: Literal["recognised", "no"] = "recognised"
    """CCCD / Căn cước. Unsigned."""
    accept_insurance: Literal["recognised", "no"] = "recognised"
    """BHYT. Unsigned."""
    hcert_vaccination: Literal["any", "complete"] = "any"
    """Doses of a vaccination certificate: `any` accepts each, `complete` wants all doses of its series."""
    hcert_test_max_age_h: float | None = Field(default=None, gt=0)
    """Maximum age of the sample of a test certificate, hours. Without it the validity of the certificate counts alone."""
    status_classes: tuple[int, ...] = ()
    """Status classes of an entry pass that may come in. Empty: all."""
    declaration: Literal["off", "verified", "all"] = "off"
    """Who must have made a health declaration: `off` no person, `verified` holders of a pass that states it, `all` every person."""
    declaration_max_age_h: float | None = Field(default=None, gt=0)
    """Maximum age of a declaration, hours. Without it the validity in the pass counts."""
    opening_hours: tuple[str, ...] = ()
    """Opening hours, such as "mon-fri 07:30-17:00". Empty: always open."""
    capacity: int | None = Field(default=None, ge=1)
    """Maximum number of people inside. Without it there is no limit."""
    lists_max_age_h: float | None = Field(default=None, gt=0)
    """Trust list and denylist count as stale when older, hours. Without it they never do."""
    on_stale_lists: Literal["allow", "deny"] = "allow"
    """A verified code while the lists are stale: `allow` decides as usual, `deny` refuses."""
    on_unset_clock: Literal["allow", "deny"] = "allow"
    """A code with a validity while the clock is certainly wrong: `allow` decides as usual, `deny` refuses."""
    rotating_on_unset_clock: Literal["allow", "deny"] = "deny"
    """A rotating pass while the clock is certainly wrong: the age of its proof is unknown. `allow` accepts it, `deny` refuses."""
    clock_leeway_s: float = Field(default=60.0, ge=0, le=600)
    """A code is accepted this long before its start of validity, because the clock of its issuer may be ahead, seconds."""

    @field_validator("opening_hours")
    @classmethod
    def _check_opening_hours(cls, opening_hours: tuple[str, ...]) -> tuple[str, ...]:
        for text in opening_hours:
            try:
                OpeningHours.parse(text)
            except ValueError as error:
                raise ValueError(f"{error}{opening_hours_hint(text)}") from error
        return opening_hours
