"""Every word of the administrator's pages about the device itself: aiming, log, quarantine; in Vietnamese and in English."""

from collections.abc import Mapping

from web_ui.i18n.texts import Text

DEVICE_TEXTS: Mapping[str, Text] = {
    "aiming.title": Text("Ngắm camera", "Aim the camera"),
    "aiming.go": Text("Xem một hình", "Take a picture"),
    "aiming.again": Text("Xem hình mới", "Take another"),
    "aiming.how": Text(
        "Đưa một thẻ có mã vào chỗ người dân sẽ đưa, giữ yên, rồi bấm nút. Mã nên nằm trong khung giữa.",
        "Hold a card with a code where people will hold theirs, keep it still, then press the button. "
        "The code belongs into the frame in the middle.",
    ),
    "aiming.kept": Text(
        "Hình không lưu ở đâu; mọi mã trong hình được che trước khi rời máy; mỗi lần xem được ghi vào nhật ký.",
        "The picture is kept nowhere; every code in it is painted over before it leaves the kiosk; each look is in the audit log.",
    ),
    "aiming.picture": Text(
        "Hình camera thấy, có khung ngắm ở giữa", "What the camera sees, with a target in the middle"
    ),
    "aiming.change": Text("Cần chỉnh", "What to change"),
    "aiming.size": Text("Cỡ hình", "Picture"),
    "aiming.size.unit": Text("{width} × {height} điểm ảnh", "{width} × {height} px"),
    "aiming.module": Text("Một ô của mã", "One module of the code"),
    "aiming.codes": Text("Số mã trong hình", "Codes in the picture"),
    "aiming.not-one": Text(
        "Máy quét trả lời, nhưng không phải bằng hình. Trang và máy quét khác phiên bản: sudo systemctl restart kiosk kiosk-web",
        "The kiosk answered, but not with a picture. Page and kiosk differ in version: sudo systemctl restart kiosk kiosk-web",
    ),
    "log.title": Text("Nhật ký máy", "Log"),
    "log.source": Text("Của", "Of"),
    "log.source.daemon": Text("Máy quét", "The kiosk"),
    "log.source.page": Text("Trang này", "This page"),
    "log.level": Text("Mức", "Level"),
    "log.level.info": Text("Tất cả", "Everything"),
    "log.level.warning": Text("Từ cảnh báo", "Warnings and errors"),
    "log.level.error": Text("Chỉ lỗi", "Errors only"),
    "log.go": Text("Xem", "Show"),
    "log.none": Text("Không có dòng nào.", "There are no lines."),
    "log.left-out": Text("Còn {count} dòng cũ hơn trên máy.", "{count} older lines are on the kiosk."),
    "log.where": Text(
        "Các dòng này nằm trong bộ nhớ, không ghi lên thẻ. Đầy đủ, kể cả của systemd: journalctl -u kiosk -u kiosk-web",
        "These lines lie in memory, not on the card. All of them, those of systemd too: journalctl -u kiosk -u kiosk-web",
    ),
    "quarantine.title": Text("Bị trung tâm từ chối", "Quarantine"),
    "quarantine.tab": Text("Bị từ chối", "Quarantine"),
    "settings.tab": Text("Cấu hình", "Configuration"),
    "quarantine.what": Text(
        "Trung tâm không nhận những bản ghi này. Chúng được giữ trên máy và không cản các bản ghi khác. "
        "Gửi lại sau khi trung tâm đã sửa.",
        "The centre does not take these records. They are kept here and stand in nobody's way. "
        "Send them again when the centre was mended.",
    ),
    "quarantine.none": Text("Không có bản ghi nào bị từ chối.", "The centre refused nothing."),
    "quarantine.count": Text("{count} bản ghi", "{count} records"),
    "quarantine.some": Text("Dưới đây là {shown} bản ghi cũ nhất.", "Below are the oldest {shown}."),
    "quarantine.passed": Text("Lượt qua", "Passage"),
    "quarantine.why": Text("Trung tâm nói", "The centre says"),
    "quarantine.refused": Text("Bị từ chối lúc", "Refused at"),
    "quarantine.times": Text("Số lần", "Times"),
    "quarantine.one": Text("Gửi lại", "Send again"),
    "quarantine.one.of": Text("Gửi lại bản ghi số {seq}", "Send record {seq} again"),
    "quarantine.all": Text("Gửi lại tất cả", "Send all again"),
    "quarantine.released": Text(
        "Đã đưa lại vào hàng chờ; sẽ gửi ngay khi liên lạc được với trung tâm.",
        "Put back into the queue; it is sent as soon as the centre can be reached.",
    ),
    "quarantine.gone": Text(
        "Bản ghi đó không còn bị từ chối, không có gì để gửi lại.",
        "That is no longer in quarantine; there is nothing to send again.",
    ),
    "quarantine.which": Text("Chọn bản ghi cần gửi lại.", "Choose the record to send again."),
}

REJECTION_TEXTS: Mapping[str, Text] = {
    "too-large": Text("Bản ghi lớn quá mức cho phép.", "The record is larger than allowed."),
    "not-json": Text("Không đọc được bản ghi.", "The record cannot be read."),
    "not-an-event": Text("Không phải một bản ghi lượt qua.", "It is not the record of a passage."),
    "no-receipt": Text("Gửi nhiều lần, trung tâm không trả lời.", "Sent many times; the centre never answered."),
}
"""Sentences for the centre's most common words; any other word of it stands for itself."""
