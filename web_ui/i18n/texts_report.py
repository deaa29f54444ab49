"""Every word of the inspectors' report, in Vietnamese and in English."""

from collections.abc import Mapping

from web_ui.i18n.texts import Text

REPORT_TEXTS: Mapping[str, Text] = {
    "report": Text("Báo cáo cho đoàn kiểm tra", "Report for inspectors"),
    "report.says": Text(
        "{site} · {device}. {days} ngày gần nhất, in lúc {at}. Không có dữ liệu cá nhân.",
        "{site} · {device}. The last {days} days, made at {at}. Nobody's personal data is in it.",
    ),
    "report.day": Text("Ngày", "Day"),
    "report.opens": Text("Giờ mở cửa", "Open hours"),
    "report.always": Text("Cả ngày", "Always"),
    "report.closed": Text("Đóng cửa", "Closed"),
    "report.passes": Text("Lượt qua", "Passages"),
    "report.busiest": Text("Giờ đông nhất", "Busiest hour"),
    "report.down": Text("Ngừng (giờ:phút)", "Out of service (h:min)"),
    "report.down-open": Text("Trong giờ mở cửa", "While open"),
    "report.stale": Text("Danh sách cũ (giờ:phút)", "Stale lists (h:min)"),
    "report.unknown": Text("không rõ", "not known"),
    "report.at-most": Text("≤ {length}", "≤ {length}"),
    "report.by-hour": Text("Lượt qua theo giờ", "Passages by the hour"),
    "report.outages": Text("Các lần ngừng", "When it was out of service"),
    "report.outages.none": Text("Không lần nào.", "Not once."),
    "report.outages.more": Text("và {count} lần nữa", "and {count} more"),
    "report.from": Text("Từ", "From"),
    "report.until": Text("Đến", "Until"),
    "report.length": Text("Lâu (giờ:phút)", "Length (h:min)"),
    "report.why": Text("Loại", "Kind"),
    "report.why.known": Text("Đèn báo ngừng, hoặc đã tắt máy", "Out of order on the lamp, or stopped"),
    "report.why.unwitnessed": Text(
        "Mất điện hoặc treo, nhiều nhất là chừng này: từ lượt qua cuối cùng",
        "Without power, or crashed, and at most this long: since the last passage",
    ),
    "report.none": Text(
        "Chưa đọc được sổ của máy; báo cáo có sau khi máy quét chạy.",
        "The kiosk's diary cannot be read yet; the report is there once the kiosk has run.",
    ),
}
