"""Headings of lists of people: ours, and what people in Vietnam write above their columns."""

import re
import unicodedata

COLUMNS = ("days", "declaration_hours", "name", "reference", "status_class")
_OTHER_WORDS = {
    "name": ("ten", "ho_ten", "ho_va_ten", "ho_va_ten_dem", "full_name", "hovaten", "hoten"),
    "reference": (
        "ma", "ma_so", "ma_nv", "ma_nhan_vien", "ma_nhan_su", "ma_can_bo", "ma_sinh_vien", "ma_hoc_sinh", "so_dien_thoai",
        "dien_thoai", "sdt", "so_dt", "phone", "staff_number", "so_hieu",
    ),
    "days": ("so_ngay", "so_ngay_hieu_luc", "hieu_luc", "thoi_han"),
    "status_class": ("nhom", "loai", "nhom_trang_thai"),
    "declaration_hours": ("so_gio_khai_bao", "gio_khai_bao", "khai_bao"),
}  # fmt: skip
_NAMES = {word: column for column, words in _OTHER_WORDS.items() for word in (column, *words)}
SKIPPED = "#"
"""Name of a column that is not read."""
_ROW_NUMBERS = frozenset({"stt", "so_thu_tu", "tt", "no"})
"""Most lists begin with the numbers of their rows."""


def column_name(heading: str) -> str:
    """Our name of the column, SKIPPED, or the heading in small letters. Marks, blanks and what stands in brackets do not count."""
    text = unicodedata.normalize("NFC", heading).strip().lower()
    plain = unicodedata.normalize("NFD", re.sub(r"\(.*?\)", "", text).replace("đ", "d"))
    letters = "".join(character for character in plain if not unicodedata.combining(character))
    key = re.sub(r"[\s./-]+", "_", letters.strip(" .:*")).strip("_")
    if key in _ROW_NUMBERS:
        return SKIPPED
    return _NAMES.get(key, text.replace(" ", "_"))
