"""Texts for guard and visitor in Vietnamese and English: one per reason, outcome, direction, kind and state."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from kiosk.core.model import CodeKind, DeviceState, Direction, Outcome, Reason


@dataclass(frozen=True, slots=True)
class LocalizedText:
    """One text in Vietnamese and English."""

    vi: str
    en: str

    def in_language(self, language: str) -> str:
        """The text in `vi` or `en`."""
        return self.en if language == "en" else self.vi


REASON_TEXTS: Mapping[Reason, LocalizedText] = MappingProxyType(
    {
        Reason.OK: LocalizedText("Mã hợp lệ.", "The code is valid."),
        Reason.MANUAL: LocalizedText(
            "Bảo vệ cho qua và khai hộ.", "Let through by the guard, who declares on the person's behalf."
        ),
        Reason.ALREADY_IN: LocalizedText(
            "Người này đã vào và chưa ra. Hỏi lại người đó.", "This person went in before and has not left. Ask them."
        ),
        Reason.ALREADY_OUT: LocalizedText(
            "Người này đã ra và chưa vào lại. Hỏi lại người đó.",
            "This person left before and did not come in. Ask them.",
        ),
        Reason.MULTIPLE_CODES: LocalizedText(
            "Có nhiều mã cùng lúc. Mời từng người một.", "Several codes at once. One person at a time, please."
        ),
        Reason.EXPIRED: LocalizedText(
            "Mã đã hết hạn. Xin cấp lại ở nơi đã cấp.", "The code has expired. Ask for a new one where it was issued."
        ),
        Reason.NOT_YET_VALID: LocalizedText(
            "Mã chưa đến ngày có hiệu lực.", "The code is not valid yet. Look at its first day."
        ),
        Reason.BAD_SIGNATURE: LocalizedText(
            "Chữ ký không đúng: mã đã bị sửa hoặc làm giả.", "The signature is wrong: the code was changed or forged."
        ),
        Reason.UNKNOWN_KEY: LocalizedText(
            "Nơi cấp mã này không có trong danh sách tin cậy.", "The issuer of this code is not on the trust list."
        ),
        Reason.REVOKED: LocalizedText("Mã đã bị thu hồi.", "The code was withdrawn by its issuer."),
        Reason.MALFORMED: LocalizedText(
            "Mã bị hỏng hoặc sai định dạng. Đưa lại, hoặc dùng mã khác.",
            "The code is damaged. Show it again, or another one.",
        ),
        Reason.VENUE_CODE: LocalizedText(
            "Đây là mã của địa điểm. Hãy đưa mã cá nhân của mình.",
            "This is a place's code. Show your own personal code.",
        ),
        Reason.UNSUPPORTED: LocalizedText(
            "Loại mã này chưa được hỗ trợ ở đây. Hãy đưa mã khác.",
            "This kind of code is not read here. Show another one.",
        ),
        Reason.UNKNOWN_CODE: LocalizedText(
            "Không nhận ra mã này. Hãy đưa mã cá nhân của mình.", "This code is not known. Show your personal code."
        ),
        Reason.INSUFFICIENT_ASSURANCE: LocalizedText(
            "Ở đây cần mã có chữ ký điện tử.", "A signed code is needed here. This one only says who you are."
        ),
        Reason.NOT_ACCEPTED: LocalizedText(
            "Cổng này không nhận loại mã này.", "This gate does not take this kind of code."
        ),
        Reason.KEY_NOT_ALLOWED: LocalizedText(
            "Nơi cấp không được phép cấp loại mã này.", "The issuer was not allowed to issue this code."
        ),
        Reason.NO_PROOF: LocalizedText(
            "Đây là ảnh chụp. Hãy mở ứng dụng và đưa mã đang chạy.",
            "This is a copy. Open the app and show the living code.",
        ),
        Reason.STALE_PROOF: LocalizedText(
            "Mã trong ứng dụng đã cũ. Mở lại ứng dụng, kiểm tra giờ của điện thoại.",
            "The code in the app is old. Open the app again, and check the phone's clock.",
        ),
        Reason.REPLAYED: LocalizedText(
            "Mã này vừa được dùng. Chờ ứng dụng đổi mã mới.",
            "This code was used just now. Wait until the app shows the next one.",
        ),
        Reason.NO_DECLARATION: LocalizedText(
            "Chưa khai báo y tế. Hãy khai báo trước.", "No health declaration yet. Declare first."
        ),
        Reason.DECLARATION_TOO_OLD: LocalizedText(
            "Khai báo y tế đã cũ. Hãy khai báo lại.", "The health declaration is too old. Declare again."
        ),
        Reason.CLOSED: LocalizedText("Ngoài giờ mở cửa.", "Outside the opening hours."),
        Reason.CAPACITY_REACHED: LocalizedText(
            "Bên trong đã đủ người. Xin chờ có người ra.", "It is full inside. Wait until a person leaves."
        ),
        Reason.LISTS_STALE: LocalizedText(
            "Danh sách tin cậy trong máy đã quá cũ. Gọi trung tâm.", "This device's lists are too old. Call the centre."
        ),
        Reason.CLOCK_UNSET: LocalizedText(
            "Đồng hồ của máy chưa đúng. Nối mạng hoặc gọi trung tâm.",
            "This device's clock is not set. Connect it to the network, or call the centre.",
        ),
        Reason.ANNULLED: LocalizedText(
            "Lượt vừa rồi đã hủy. Có thể đưa mã lại ngay.", "The last passage was undone. The code may be shown again."
        ),
    }
)

OUTCOME_TEXTS: Mapping[Outcome, LocalizedText] = MappingProxyType(
    {
        Outcome.PASS: LocalizedText("Mời qua", "Please pass"),
        Outcome.FAIL: LocalizedText("Không được qua", "Not allowed to pass"),
        Outcome.CHECK_AGAIN: LocalizedText("Xem lại", "Look again"),
    }
)

DIRECTION_TEXTS: Mapping[Direction, LocalizedText] = MappingProxyType(
    {Direction.IN: LocalizedText("vào", "in"), Direction.OUT: LocalizedText("ra", "out")}
)

KIND_TEXTS: Mapping[CodeKind, LocalizedText] = MappingProxyType(
    {
        CodeKind.ENTRY_PASS: LocalizedText("thẻ ra vào", "entrance pass"),
        CodeKind.HCERT: LocalizedText("hộ chiếu vắc-xin", "vaccine passport"),
        CodeKind.NATIONAL_QR: LocalizedText("mã QR cá nhân quốc gia", "national personal QR"),
        CodeKind.ID_CARD: LocalizedText("căn cước", "ID card"),
        CodeKind.INSURANCE: LocalizedText("thẻ bảo hiểm y tế", "health-insurance card"),
        CodeKind.VENUE_CODE: LocalizedText("mã địa điểm", "place's code"),
        CodeKind.UNSUPPORTED: LocalizedText("loại mã chưa hỗ trợ", "unsupported code"),
        CodeKind.UNKNOWN: LocalizedText("mã lạ", "unknown code"),
    }
)

STATE_TEXTS: Mapping[DeviceState, LocalizedText] = MappingProxyType(
    {
        DeviceState.STARTING: LocalizedText("Đang khởi động", "Starting"),
        DeviceState.READY: LocalizedText("Sẵn sàng", "Ready"),
        DeviceState.DEGRADED: LocalizedText("Hoạt động hạn chế", "Working, with a fault"),
        DeviceState.OUT_OF_ORDER: LocalizedText("Máy hỏng, xin gọi bảo vệ", "Out of order, call the guard"),
    }
)
