"""Payment codes and invoices: wallets, bank transfers, EMVCo codes. They name an account or a sale, not the person at the gate."""

import re

from kiosk.core.model import CodeKind, Reason, Refusal

_WALLETS = rb"momo|zalopay|vnpay|viettelpay|viettelmoney|shopeepay|airpay|payoo|vietqr|vnptpay|vnptmoney"
_FORMATS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("emv", re.compile(rb"000201[0-9]{4}")),  # EMVCo merchant-presented QR 4.1: VietQR, VNPay, MoMo, ZaloPay
    ("emv-customer", re.compile(rb"hQVDUFYwM")),  # EMVCo consumer-presented QR: base64 of tag 85 with "CPV0"
    ("momo", re.compile(rb"2\|[0-9]{1,2}\|[0-9+ ]{6,15}(?:\||\Z)")),
    ("wallet", re.compile(rb"(?:" + _WALLETS + rb")(?::|\|)", re.IGNORECASE)),
    (
        "wallet-link",
        re.compile(
            rb"(?:https?://)?(?:[a-z0-9-]{1,63}\.){0,4}(?:" + _WALLETS + rb")(?:\.[a-z]{2,6}){1,2}(?:[/?#:]|\Z)",
            re.IGNORECASE,
        ),
    ),
    ("bank-transfer", re.compile(rb"9704[0-9]{2}\|")),  # the number range of NAPAS for banks in Vietnam
    ("sepa", re.compile(rb"BCD\r?\n00[0-9]\r?\n")),  # EPC069-12
    ("swiss", re.compile(rb"SPC\r?\n0[0-9]{3}\r?\n")),  # Swiss QR bill 2.3
    ("payment-link", re.compile(rb"(?:upi|bitcoin|ethereum|litecoin|lightning|tron|payto):", re.IGNORECASE)),
)
_INVOICE_SYMBOL = re.compile(rb"[1-9]?/?[CK][0-9]{2}[A-Z][A-Z0-9]{0,3}|[0-9]{0,2}[A-Z]{2}/[0-9]{2}[EPT]", re.IGNORECASE)
_WHOLE_SYMBOL = re.compile(rb"[1-9]?[CK][0-9]{2}[TDLMNBGHX][A-Z]{2}", re.IGNORECASE)
"""Symbol of an invoice: Circular 78/2021/TT-BTC article 4 (`1C26TAA`), and the older `AA/20E`. No field of a card has it."""
_FIELDS_WITH_SYMBOL = 4


def find_payment_format(data: bytes) -> str | None:
    """Name of the format, or None."""
    name = next((name for name, pattern in _FORMATS if pattern.match(data)), None)
    return name or ("invoice" if _is_invoice(data) else None)


def refuse_payment_code(format_name: str) -> Refusal:
    """Refusal of a payment code."""
    return Refusal(CodeKind.PAYMENT_CODE, Reason.PAYMENT_CODE, format_name)


def _is_invoice(data: bytes) -> bool:
    parts = [part.strip() for part in data.split(b"|")]
    if len(parts) < _FIELDS_WITH_SYMBOL:
        return False
    if any(_INVOICE_SYMBOL.fullmatch(part) for part in parts[:_FIELDS_WITH_SYMBOL]):
        return True
    return any(_WHOLE_SYMBOL.fullmatch(part) for part in parts[_FIELDS_WITH_SYMBOL:])
