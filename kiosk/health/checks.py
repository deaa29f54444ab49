"""From measures to facts, from facts to the state of the device: pure tables, with the sentences that people read.

Two questions are kept apart. Can people be served? A BROKEN fact says no: out of order. Would a new process serve them
better? Only where a loop of this process no longer turns: those facts alone starve the watchdog. A camera that is not
there or a full disk is said on the lamp; starting again for ever would only hide it (docs/decisions/0026).
"""

from collections.abc import Iterable, Iterator

from kiosk.core.model import ClockQuality, State
from kiosk.core.status import Fact, Grade
from kiosk.health.measurements import DAY_S, Limits, Measures

GATE_LOOP, CAMERA_LOOP, LAMPS = "gate-loop", "camera-loop", "lamps"
LIST_NAMES = {"trust": ("Danh sách khóa tin cậy", "trust list"), "denied": ("Danh sách thẻ bị thu hồi", "denylist")}
LOOPS = frozenset({GATE_LOOP, CAMERA_LOOP, LAMPS})


def judge(measurements: Measures, thresholds: Limits = Limits()) -> tuple[Fact, ...]:  # noqa: B008  frozen
    """All facts, good ones as well, in an order that never changes."""
    return tuple(
        fact
        for part in (
            _loops,
            _orders,
            _camera,
            _view,
            _presence,
            _records,
            _disk,
            _board,
            _clock,
            _page,
            _centre,
            _lists,
        )
        for fact in part(measurements, thresholds)
    )


def state_of(checks: Iterable[Fact], *, started: bool = True) -> State:
    """BROKEN: out of order, even while starting. `started` False: starting. WARN: degraded. Else ready."""
    grades = {fact.grade for fact in checks}
    if Grade.BROKEN in grades:
        return State.OUT_OF_ORDER
    if not started:
        return State.STARTING
    return State.DEGRADED if Grade.WARN in grades else State.READY


def watchdog_may_be_fed(checks: Iterable[Fact]) -> bool:
    """False when a loop of this process has stopped turning: then systemd is to kill and restart it."""
    return not any(fact.grade is Grade.BROKEN for fact in checks if fact.name in LOOPS)


def _fact(name: str, status: Grade, value: str, vi: str, en: str) -> Fact:
    return Fact(name=name, grade=status, value=value, vi=vi, en=en)


def _loops(it: Measures, limits: Limits) -> Iterator[Fact]:
    for name, age_s, vi, en in (
        (GATE_LOOP, it.gate_loop_age_s, "Bộ phận đọc mã", "The reading loop"),
        (CAMERA_LOOP, it.camera_loop_age_s, "Bộ phận lấy hình", "The camera loop"),
    ):
        if age_s > limits.loop_stuck_s:
            yield _fact(
                name,
                Grade.BROKEN,
                f"{age_s:.0f} s",
                f"{vi} bị treo; máy sẽ tự khởi động lại. Nếu lặp lại nhiều lần, hãy rút điện rồi cắm lại.",
                f"{en} hangs; the program will be restarted by itself. If this repeats, switch the device off and on.",
            )
        else:
            yield _fact(name, Grade.OK, f"{age_s:.1f} s", f"{vi} đang chạy.", f"{en} turns.")
    if it.pins_trouble:
        yield _fact(
            LAMPS,
            Grade.BROKEN,
            "",
            f"Chưa lấy được chân đèn, còi hoặc nút bấm ({it.pins_trouble}); máy thử lại mỗi giây. Hãy dừng chương trình đang giữ "
            "chân, hoặc sửa cấu hình; trong lúc chờ, ghi sổ giấy.",
            f"The pins of lamps, buzzer or buttons cannot be had ({it.pins_trouble}); it tries again every second. Stop the "
            "program that holds them, or correct the configuration; meanwhile use the paper list.",
        )
    elif it.lamps_alive:
        yield _fact(LAMPS, Grade.OK, "", "Đèn và còi hoạt động.", "Lamps and buzzer are driven.")
    else:
        yield _fact(
            LAMPS,
            Grade.BROKEN,
            "",
            "Không điều khiển được đèn và còi; máy sẽ tự khởi động lại. Hãy kiểm tra dây đèn.",
            "Lamps and buzzer cannot be driven; the program will be restarted. Check the lamps' wiring.",
        )


def _orders(it: Measures, _: Limits) -> Iterator[Fact]:
    if it.paused:
        vi = "Máy đang tạm dừng theo lệnh. Hãy mở lại ở trang quản trị; trong lúc chờ, ghi sổ giấy."
        en = "The kiosk was told to pause. Resume it on the admin page; meanwhile use the paper list."
        yield _fact("paused", Grade.BROKEN, "", vi, en)


def _camera(it: Measures, limits: Limits) -> Iterator[Fact]:
    told = f" ({it.camera_trouble})" if it.camera_trouble else ""
    if it.frame_age_s > limits.frame_old_s:
        yield _fact(
            "camera",
            Grade.BROKEN,
            f"{it.frame_age_s:.0f} s",
            f"Không có hình từ camera{told}. Hãy kiểm tra cáp camera; trong lúc chờ, ghi sổ giấy.",
            f"No picture comes from the camera{told}. Check its cable; meanwhile use the paper list.",
        )
    elif it.frozen_s is not None and it.frozen_s > limits.frozen_s and not (it.dark_s or it.bright_s):
        yield _fact(
            "camera",
            Grade.BROKEN,
            f"{it.frozen_s:.0f} s",
            "Hình camera bị đứng. Hãy rút điện rồi cắm lại; trong lúc chờ, ghi sổ giấy.",
            "The camera's picture is frozen. Switch the device off and on; meanwhile use the paper list.",
        )
    else:
        yield _fact("camera", Grade.OK, f"{it.frame_age_s:.1f} s", "Camera đang gửi hình.", "Pictures come.")


def _view(it: Measures, limits: Limits) -> Iterator[Fact]:
    bad_s = limits.view_bad_s
    if (it.dark_s or 0.0) > bad_s:
        vi = "Camera bị che hoặc quá tối. Hãy bỏ vật che, lau ống kính, hoặc bật đèn."
        en = "The camera is covered or it is too dark. Uncover it, wipe the lens, or switch a light on."
        yield _fact("view", Grade.WARN, f"{it.dark_s:.0f} s", vi, en)
    elif (it.bright_s or 0.0) > bad_s:
        vi = "Camera bị chói. Hãy che nắng hoặc xoay camera khỏi nguồn sáng."
        en = "The camera is blinded. Shade it, or turn it away from the light."
        yield _fact("view", Grade.WARN, f"{it.bright_s:.0f} s", vi, en)
    elif (it.blurred_s or 0.0) > bad_s:
        vi = "Hình camera bị mờ hoặc bị che. Hãy bỏ vật che và lau ống kính bằng khăn mềm."
        en = "The camera's picture is blurred or covered. Uncover the lens, and wipe it with a soft cloth."
        yield _fact("view", Grade.WARN, f"{it.blurred_s:.0f} s", vi, en)
    elif None not in (it.dark_s, it.bright_s, it.blurred_s):
        yield _fact("view", Grade.OK, "", "Camera nhìn rõ.", "The camera sees well.")


def _presence(it: Measures, _: Limits) -> Iterator[Fact]:
    told = {
        "stuck-on": (
            "Cảm biến có người báo suốt dù không ai ở đó; máy vẫn đọc bình thường. Hãy kiểm tra cảm biến và dây.",
            "The presence sensor always says that somebody is there; reading goes on. Check the sensor and its wire.",
        ),
        "stuck-off": (
            "Cảm biến không thấy người dù có người qua; máy vẫn đọc bình thường. Hãy lau, chỉnh hướng hoặc thay cảm biến.",
            "The presence sensor does not see the people who pass; reading goes on. Clean, turn or replace it.",
        ),
        "present": ("Cảm biến thấy có người.", "The presence sensor sees somebody."),
        "nobody": ("Cảm biến không thấy ai.", "The presence sensor sees nobody."),
        "resting": ("Không có ai, máy đọc chậm để nghỉ.", "Nobody is there; reading rests."),
    }
    if it.presence:
        grade = Grade.WARN if it.presence.startswith("stuck") else Grade.OK
        yield _fact("presence", grade, it.presence, *told[it.presence])


def _records(it: Measures, _: Limits) -> Iterator[Fact]:
    """Known before anybody comes: a card that is full or read-only is not found out by the first person's passage."""
    full = it.disk_free_bytes is not None and it.disk_free_bytes < it.disk_floor_bytes
    if it.disk_read_only:
        vi = "Thẻ nhớ đang ở chế độ chỉ đọc, không ghi được lượt qua. Ghi sổ giấy và gọi kỹ thuật: thẻ nhớ có thể hỏng."
        en = "The memory card is read-only, nothing can be recorded. Use the paper list and call the technician: it may be worn."
        yield _fact("records", Grade.BROKEN, "", vi, en)
    elif full and it.disk_free_bytes is not None:
        value = f"{it.disk_free_bytes / 1024**2:.0f} MB"
        vi = f"Thẻ nhớ đầy, còn {value}, không ghi được lượt qua. Ghi sổ giấy và gọi kỹ thuật để dọn thẻ."
        en = f"The memory card is full, {value} are left, nothing can be recorded. Use the paper list; have room made."
        yield _fact("records", Grade.BROKEN, value, vi, en)
    elif it.store_trouble:
        yield _fact(
            "records",
            Grade.BROKEN,
            "",
            f"Không ghi được lượt qua ({it.store_trouble}). Ghi sổ giấy và gọi kỹ thuật: thẻ nhớ có thể đầy hoặc hỏng.",
            f"Passages cannot be recorded ({it.store_trouble}). Use the paper list and call the technician:"
            " the memory card may be full or worn.",
        )
    else:
        yield _fact("records", Grade.OK, "", "Lượt qua được ghi lại.", "Passages are recorded.")
    if it.moved_aside:
        vi = f"Sổ ghi cũ bị hỏng, đã cất thành {it.moved_aside}; máy ghi vào sổ mới. Hãy báo kỹ thuật đến lấy tệp đó."
        en = f"The old records were damaged and are kept as {it.moved_aside}; new ones are being written. Have that file fetched."
        yield _fact("records-aside", Grade.WARN, it.moved_aside, vi, en)


def _disk(it: Measures, limits: Limits) -> Iterator[Fact]:
    free = it.disk_free_bytes
    if free is None:
        return
    value = f"{free / 1024**2:.0f} MB"
    if free < limits.disk_low_bytes:
        vi = f"Thẻ nhớ sắp đầy, còn {value}. Hãy gọi kỹ thuật để dọn thẻ."
        en = f"The memory card is nearly full, {value} are left. Call the technician to make room."
        yield _fact("disk", Grade.WARN, value, vi, en)
    else:
        yield _fact("disk", Grade.OK, value, "Thẻ nhớ còn chỗ.", "The memory card has room.")


def _board(it: Measures, limits: Limits) -> Iterator[Fact]:
    if it.temperature_c is not None:
        value = f"{it.temperature_c:.0f} °C"
        if it.temperature_c >= limits.hot_c:
            vi = f"Máy quá nóng, {value}. Hãy che nắng và để thoáng khe gió."
            en = f"The device is too hot, {value}. Shade it, and keep its vents free."
            yield _fact("temperature", Grade.WARN, value, vi, en)
        else:
            yield _fact("temperature", Grade.OK, value, "Nhiệt độ bình thường.", "The temperature is normal.")
    if it.under_voltage:
        vi = "Nguồn điện yếu. Hãy dùng đúng bộ nguồn của máy và dây ngắn hơn."
        en = "The power supply is too weak. Use the device's own supply and a shorter cable."
        yield _fact("power", Grade.WARN, "", vi, en)
    elif it.under_voltage is not None:
        yield _fact("power", Grade.OK, "", "Nguồn điện tốt.", "The power supply is good.")


def _clock(it: Measures, _: Limits) -> Iterator[Fact]:
    if it.clock is ClockQuality.UNSET:
        vi = "Đồng hồ chưa đúng. Hãy nối mạng để máy tự chỉnh giờ; lượt qua vẫn được ghi."
        en = "The clock is not set. Connect the network so that it sets itself; passages are recorded all the same."
        yield _fact("clock", Grade.WARN, it.clock.value, vi, en)
    elif it.clock_jump_s:
        value = f"{it.clock_jump_s:+.0f} s"
        vi = f"Đồng hồ vừa được chỉnh {value}. Không cần làm gì; nếu lặp lại, hãy gọi kỹ thuật."
        en = f"The clock was just set by {value}. Nothing to do; if this repeats, call the technician."
        yield _fact("clock", Grade.WARN, value, vi, en)
    else:
        yield _fact("clock", Grade.OK, it.clock.value, "Đồng hồ dùng được.", "The clock can be used.")


def _page(it: Measures, limits: Limits) -> Iterator[Fact]:
    if it.page_gone_s is None:
        return
    if it.page_gone_s > limits.page_gone_s:
        vi = (
            "Trang trạng thái không chạy; cổng vẫn làm việc. Hãy khởi động lại trang: sudo systemctl restart kiosk-web."
        )
        en = "The status page does not run; the gate works on. Start the page again: sudo systemctl restart kiosk-web."
        yield _fact("page", Grade.WARN, f"{it.page_gone_s:.0f} s", vi, en)
    else:
        yield _fact("page", Grade.OK, "", "Trang trạng thái đang chạy.", "The status page runs.")


def _centre(it: Measures, limits: Limits) -> Iterator[Fact]:
    if it.uplink_down_s is not None:
        value = f"{it.uplink_down_s:.0f} s"
        if it.uplink_clock:
            vi = (
                "Chứng chỉ của trung tâm không hợp với giờ của máy này. Lượt qua được giữ trong máy; máy tự nối lại khi giờ đúng. "
                "Hãy kiểm tra giờ; nếu giờ đúng, báo trung tâm thay chứng chỉ."
            )
            en = (
                "The centre's certificate is not valid by this device's clock. Passages are kept here; it connects by itself "
                "when the time is right. Check the clock; if it is right, tell the centre to renew the certificate."
            )
            yield _fact("uplink", Grade.WARN, value, vi, en)
        elif it.uplink_down_s > limits.uplink_down_s:
            vi = "Mất liên lạc với trung tâm. Lượt qua được giữ trong máy; hãy kiểm tra mạng."
            en = "The centre cannot be reached. Passages are kept here; check the network."
            yield _fact("uplink", Grade.WARN, value, vi, en)
        else:
            yield _fact("uplink", Grade.OK, value, "Có liên lạc với trung tâm.", "The centre can be reached.")
    limit = it.outbox_limit
    if limit and it.outbox_depth > limit * limits.outbox_full:
        vi = f"Máy đang giữ {it.outbox_depth} lượt qua chưa gửi, gần đầy. Hãy nối mạng ngay hoặc gọi kỹ thuật."
        en = f"{it.outbox_depth} passages wait to be sent, nearly all that fit. Connect the network now, or call help."
        yield _fact("outbox", Grade.WARN, str(it.outbox_depth), vi, en)
    elif it.outbox_age_s > limits.outbox_old_s:
        minutes = it.outbox_age_s / 60
        vi = f"Lượt qua cũ nhất đã chờ gửi {minutes:.0f} phút. Hãy kiểm tra mạng; nếu mạng tốt, báo trung tâm."
        en = f"The oldest passage has waited {minutes:.0f} min. Check the network; if it is fine, tell the centre."
        yield _fact("outbox", Grade.WARN, str(it.outbox_depth), vi, en)
    else:
        vi, en = "Lượt qua được gửi đi đều.", "Passages are being delivered."
        yield _fact("outbox", Grade.OK, str(it.outbox_depth), vi, en)


def _lists(it: Measures, limits: Limits) -> Iterator[Fact]:
    for name, age_s in sorted(it.lists_age_s.items()):
        value = f"{age_s / DAY_S:.1f} d"
        vi_name, en_name = LIST_NAMES.get(name, (f"Danh sách {name}", f"list {name}"))
        if age_s > limits.list_old_s:
            days = age_s / DAY_S
            vi = f"{vi_name} đã cũ {days:.0f} ngày. Hãy nối mạng, hoặc chép danh sách mới vào máy."
            en = f"The {en_name} is {days:.0f} days old. Connect the network, or bring a new one."
            yield _fact(f"list-{name}", Grade.WARN, value, vi, en)
        else:
            yield _fact(f"list-{name}", Grade.OK, value, f"{vi_name} còn mới.", f"The {en_name} is fresh.")
