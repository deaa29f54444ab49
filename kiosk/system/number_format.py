"""Numbers, durations and measured values in the format of a language."""

from kiosk.system.translations import Translator

_DURATION_UNITS = ((86400, "d"), (3600, "h"), (60, "min"))


def format_number(t: Translator, value: float, digits: int = 0) -> str:
    """1234.5 with one digit: `1.234,5` in Vietnamese, `1,234.5` in English."""
    whole, point, tenths = f"{value:,.{digits}f}".partition(".")
    return whole.replace(",", t("format.thousands-mark")) + (t("format.decimal-mark") if point else "") + tenths


def format_duration(t: Translator, seconds: float) -> str:
    """A duration in its largest fitting unit: `12 giây`, `3 min`, `2 h`."""
    for size, unit in _DURATION_UNITS:
        if abs(seconds) >= 2 * size:
            return f"{format_number(t, seconds / size)} {t(f'unit.{unit}')}"
    return f"{format_number(t, seconds)} {t('unit.s')}"


def format_quantity(t: Translator, value: float | None, unit: str) -> str:
    """A measured value: seconds as a duration, others as a whole number with unit. Empty without a value."""
    if value is None:
        return ""
    if unit == "s":
        return format_duration(t, value)
    known = t.has(f"unit.{unit}")
    return f"{format_number(t, value)} {t.plural(f'unit.{unit}', value) if known else unit}".strip()
