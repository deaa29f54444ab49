"""Invents people for the sample data."""

import random
import unicodedata
from dataclasses import dataclass

_FAMILIES = ("Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương")
_MIDDLES = ("Thị", "Văn", "Hữu", "Đức", "Ngọc", "Quỳnh", "Bảo", "Công Tằng Tôn Nữ")
_GIVEN = ("Ánh", "Bình", "Cường", "Diễm", "Hạnh", "Khuê", "Lộc", "Mỹ", "Nghĩa", "Phượng", "Quý", "Sương", "Thủy", "Yến")
_STREETS = ("12 Lê Lợi", "45 Đống Đa", "7 Bạch Đằng", "103 Nguyễn Huệ", "8 kiệt 22 Ông Ích Khiêm")
_WARDS = ("Vĩnh Ninh", "Phú Hội", "Thuận Lộc", "Vỹ Dạ", "An Cựu")


@dataclass(frozen=True, slots=True)
class SamplePerson:
    """An invented person."""

    name: str
    born: str
    """YYYY-MM-DD."""
    sex: str
    """`Nam` or `Nữ`."""
    document_number: str
    """12 digits."""
    old_document_number: str
    """9 digits."""
    qid: str
    insurance_number: str
    """10 digits."""
    phone: str
    address: str

    @property
    def uppercase_name(self) -> str:
        """Upper case without diacritics, as the national code writes it."""
        return uppercase_without_diacritics(self.name)

    def personal_values(self) -> tuple[str, ...]:
        """All data of this person that must never be found outside a sealed subject."""
        day = self.born.split("-")
        return (
            *(self.name, self.uppercase_name, self.born, "".join(reversed(day)), "/".join(reversed(day))),
            *(
                self.document_number,
                self.old_document_number,
                self.qid,
                self.insurance_number,
                self.phone,
                self.address,
            ),
        )


def make_sample_person(rng: random.Random) -> SamplePerson:
    """Invent a person."""
    year, month, day = rng.randint(1945, 2005), rng.randint(1, 12), rng.randint(1, 28)
    woman = rng.random() < 0.5
    century_and_sex = (2 if year >= 2000 else 0) + woman
    return SamplePerson(
        name=f"{rng.choice(_FAMILIES)} {rng.choice(_MIDDLES)} {rng.choice(_GIVEN)}",
        born=f"{year}-{month:02}-{day:02}",
        sex="Nữ" if woman else "Nam",
        document_number=f"046{century_and_sex}{year % 100:02}{rng.randrange(10**6):06}",
        old_document_number=f"19{rng.randrange(10**7):07}",
        qid=str(rng.randrange(10**17, 10**18)),
        insurance_number=f"46{rng.randrange(10**8):08}",
        phone=f"09{rng.randrange(10**8):08}",
        address=f"{rng.choice(_STREETS)}, Phường {rng.choice(_WARDS)}, Thành phố Huế",
    )


def uppercase_without_diacritics(name: str) -> str:
    """Upper case without diacritics: `Đặng Thị Thủy` becomes `DANG THI THUY`."""
    decomposed = unicodedata.normalize("NFD", name.replace("Đ", "D").replace("đ", "d"))
    return "".join(character for character in decomposed if not unicodedata.combining(character)).upper()
