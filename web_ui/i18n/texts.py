"""Every word of the pages, in Vietnamese and in English; a test fails where a page asks for one that is not here."""

from collections.abc import Mapping
from typing import NamedTuple

from web_ui.i18n.formatting import Language


class Text(NamedTuple):
    """One sentence in both languages; `{name}` stands for a value."""

    vi: str
    en: str

    def of(self, language: Language, **values: object) -> str:
        """The sentence in that language, with its values in place. Raises KeyError where one is missing."""
        return (self.vi if language == "vi" else self.en).format(**values)


STATE: Mapping[str, Text] = {
    "starting": Text("Máy quét đang khởi động.", "The kiosk is starting."),
    "ready": Text("Sẵn sàng. Mời đưa mã trước camera.", "Ready. Show a code to the camera."),
    "degraded": Text("Vẫn quét được, nhưng có việc cần xem.", "Working, but something needs attention."),
    "out-of-order": Text("Ngừng quét. Chưa ai được qua bằng mã.", "Out of order. Nobody is let through by code."),
    "not-running": Text("Máy quét không chạy.", "The kiosk is not running."),
    "silent": Text("Máy quét không trả lời đã {span}.", "The kiosk has not answered for {span}."),
    "unreadable": Text(
        "Trang này không đọc được trạng thái của máy quét.", "This page cannot read the kiosk's status."
    ),
}
"""One sentence for each state of `Truth.state`."""

REMEDY: Mapping[str, Text] = {
    "starting": Text("Chờ vài giây.", "Wait a few seconds."),
    "ready": Text("", ""),
    "degraded": Text("", ""),
    "out-of-order": Text("Ghi sổ giấy cho đến khi đèn báo sẵn sàng.", "Write on paper until the lamp says ready."),
    "not-running": Text(
        "Ghi sổ giấy. Khởi động lại: sudo systemctl start kiosk. Lý do: journalctl -u kiosk.",
        "Write on paper. To start it: sudo systemctl start kiosk. The reason is in: journalctl -u kiosk.",
    ),
    "silent": Text(
        "Ghi sổ giấy. Máy tự khởi động lại trong một phút; nếu không: sudo systemctl restart kiosk.",
        "Write on paper. It restarts by itself within a minute; if not: sudo systemctl restart kiosk.",
    ),
    "unreadable": Text(
        "Hai dịch vụ khác phiên bản, hoặc thiếu quyền đọc: sudo systemctl restart kiosk kiosk-web.",
        "The two services differ in version, or a right to read is missing: sudo systemctl restart kiosk kiosk-web.",
    ),
}
"""What to do about each state; empty where nothing is to be done, or where the facts say it."""

LIVENESS_TEXTS: Mapping[str, Text] = {
    "not-running": Text("Không chạy", "Not running"),
    "silent": Text("Không trả lời", "No answer"),
    "unreadable": Text("Không rõ", "Not known"),
}
"""The short word beside the lamp where the daemon is not heard; the others are in kiosk.core.messages."""

CLOCK: Mapping[str, Text] = {
    "synchronised": Text("Đã đồng bộ", "Synchronised"),
    "free-running": Text("Chạy tự do, chưa đồng bộ", "Free-running, not synchronised"),
    "unset": Text("Sai: chưa đặt giờ", "Wrong: not set"),
}

UNIT: Mapping[str, Text] = {"s": Text("giây", "s"), "min": Text("phút", "min"), "d": Text("ngày", "d")}
"""Units of measured values that the languages write differently; all others are the same in both."""

CHECK_STATUS_TEXTS: Mapping[str, Text] = {
    "ok": Text("Tốt", "Good"),
    "warn": Text("Cần xem", "Needs a look"),
    "broken": Text("Hỏng", "Broken"),
}

DELIVERY: Mapping[str, Text] = {
    "centre": Text("khi trung tâm xác nhận", "when the centre confirms"),
    "broker": Text("khi máy chủ MQTT nhận", "when the broker takes it"),
}

PAGE_TEXTS: Mapping[str, Text] = {
    "title": Text("Máy quét ở cổng", "Entrance kiosk"),
    "pages": Text("Các trang", "Pages"),
    "status": Text("Trạng thái", "Status"),
    "skip": Text("Đến nội dung", "Skip to content"),
    "language": Text("Ngôn ngữ", "Language"),
    "lamp.now": Text("Đèn ở cổng bây giờ: {word}", "The lamp at the gate now: {word}"),
    "now": Text("Số liệu lúc {time}", "As of {time}"),
    "past": Text(
        "Số liệu cũ, lúc {time}: máy quét không còn trả lời.",
        "Old figures, of {time}: the kiosk no longer answers.",
    ),
    "no-data": Text("Chưa có số liệu.", "There are no figures."),
    "no-page": Text(
        "Mất kết nối với trang này. Những gì bên dưới có thể đã cũ; đang thử lại.",
        "Connection to this page is lost. What stands below may be old; trying again.",
    ),
    "people": Text("Người qua cổng", "People at the gate"),
    "inside": Text("Đang ở trong", "Inside now"),
    "inside.of": Text("trên tối đa {capacity}", "of at most {capacity}"),
    "inside.full": Text("Đã đủ người", "Full"),
    "inside.nearly-full": Text("Sắp đủ người", "Nearly full"),
    "count.pass": Text("Cho qua", "Let through"),
    "count.check-again": Text("Xem lại", "Looked at again"),
    "count.fail": Text("Không cho qua", "Refused"),
    "since": Text("Từ khi khởi động, {time}", "Since it started, {time}"),
    "today": Text("Hôm nay, từ 0 giờ; {ins} vào, {outs} ra", "Today, since midnight; {ins} in, {outs} out"),
    "day": Text("24 giờ qua", "Last 24 hours"),
    "day.hour": Text(
        "{time}: {passed} cho qua, {again} xem lại, {failed} không cho qua",
        "{time}: {passed} let through, {again} looked at again, {failed} refused",
    ),
    "day.busiest": Text("Đông nhất từ {time}: {count} lượt trong một giờ", "Busiest from {time}: {count} in one hour"),
    "day.none": Text("Chưa có lượt nào trong 24 giờ qua.", "Nobody in the last 24 hours."),
    "day.unknown": Text("Không đọc được cơ sở dữ liệu lượt qua.", "The database of passages cannot be read."),
    "latest": Text("Lượt gần nhất", "Latest answers"),
    "latest.none": Text("Chưa có lượt nào từ khi khởi động.", "Nobody yet since it started."),
    "took": Text("{ms} ms từ hình đến đèn", "{ms} ms from picture to lamp"),
    "sending": Text("Gửi về trung tâm", "Delivery to the centre"),
    "waiting": Text("Chờ gửi", "Waiting"),
    "waiting.oldest": Text("Cũ nhất đã chờ", "Oldest has waited"),
    "quarantined": Text("Bị trung tâm từ chối", "Refused by the centre"),
    "broker": Text("Máy chủ MQTT", "Broker"),
    "broker.up": Text("Đã kết nối", "Connected"),
    "broker.down": Text("Mất kết nối", "Not connected"),
    "receipt": Text("Trung tâm xác nhận", "Last receipt"),
    "receipt.ago": Text("{span} trước", "{span} ago"),
    "receipt.none": Text("Chưa có từ khi khởi động", "None since it started"),
    "leaves": Text("Rời hàng chờ", "Leaves the queue"),
    "trouble": Text("Trục trặc", "Trouble"),
    "kept": Text(
        "Lượt qua được giữ trên máy cho đến khi trung tâm xác nhận.",
        "Passages are kept on this device until the centre confirms them.",
    ),
    "camera": Text("Camera", "Camera"),
    "source": Text("Nguồn", "Source"),
    "frame.age": Text("Khung hình mới nhất", "Newest picture"),
    "frame.fresh": Text("Vừa xong", "Just now"),
    "frame.none": Text("Chưa có khung hình", "No picture yet"),
    "light": Text("Độ sáng", "Light"),
    "light.unit": Text("{value} trên 255", "{value} of 255"),
    "contrast": Text("Tương phản", "Contrast"),
    "sharpness": Text("Độ nét", "Sharpness"),
    "module": Text("Cỡ ô mã gần nhất", "Module of the last code"),
    "module.unit": Text("{value} điểm ảnh", "{value} px"),
    "checks": Text("Tự kiểm tra", "Self-check"),
    "checks.none": Text("Chưa có kết quả tự kiểm tra.", "No self-check results yet."),
    "device": Text("Thiết bị", "Device"),
    "site": Text("Địa điểm", "Site"),
    "gate": Text("Cổng", "Gate"),
    "version": Text("Phiên bản", "Version"),
    "started": Text("Khởi động", "Started"),
    "clock": Text("Đồng hồ", "Clock"),
    "record": Text("Bản ghi mới nhất", "Newest record"),
    "record.of": Text("số {seq}, đời {epoch}", "number {seq}, epoch {epoch}"),
    "version.page": Text("Phiên bản của trang này", "Version of this page"),
    "list.of": Text("số {number}, {day} ({span} trước)", "number {number}, {day} ({span} ago)"),
    "list.trust": Text("Khóa tin cậy", "Trust list"),
    "list.denied": Text("Thẻ bị thu hồi", "Denylist"),
    "no-names": Text(
        "Trang này không chứa dữ liệu của ai: chỉ có kết quả, lý do và con số.",
        "Nobody's data is on this page: only outcomes, reasons and numbers.",
    ),
    "guard.title": Text("Màn hình bảo vệ", "Guard's screen"),
    "guard.ready": Text("Mời đưa mã trước camera.", "Show a code to the camera."),
    "guard.call": Text("Ghi sổ giấy và gọi người quản lý.", "Write on paper, and call the administrator."),
    "guard.sound": Text("Âm thanh", "Sound"),
    "guard.details": Text("Chi tiết", "Details"),
    "guard.lost": Text("Mất kết nối", "No connection"),
    "guard.lost.do": Text(
        "Điện thoại này không nghe thấy máy quét. Nhìn đèn ở cổng; kiểm tra Wi-Fi.",
        "This phone does not hear the kiosk. Look at the lamp at the gate; check the Wi-Fi.",
    ),
    "error.404": Text("Không có trang này.", "There is no such page."),
    "error.405": Text("Trang này không làm việc đó.", "This page does not do that."),
    "error.413": Text("Yêu cầu quá lớn.", "The request is too large."),
    "error.421": Text("Trang này không phục vụ tên máy đó.", "This page does not answer to that host name."),
    "error.other": Text("Yêu cầu không thực hiện được.", "The request cannot be answered."),
    "error.back": Text("Về trang trạng thái", "Back to the status page"),
}
