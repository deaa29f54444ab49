"""Advice for mounting the camera: measurements of its view become sentences about distance, light and focus."""

from dataclasses import dataclass
from typing import Literal

from kiosk.core.model import Corners, FrameQuality

Language = Literal["vi", "en"]

MIN_LUMA, MAX_LUMA = 45.0, 215.0
MIN_CONTRAST = 8.0
MIN_SHARPNESS = 30.0
"""Of the frame's middle at half size. Sensor noise alone stays below this. A code or a face in focus is far above."""
MIN_MODULE_PX, COMFORTABLE_MODULE_PX, MAX_MODULE_PX = 2.5, 4.0, 14.0
"""2 px per module is the physical limit. From 4 px on, all engines read."""

EDGE_SHARE = 0.25
"""Share of width and height, on each side, in which a code counts as near the edge."""


@dataclass(frozen=True, slots=True)
class AimingAdvice:
    """One sentence in both languages. `is_ok`: nothing has to be changed."""

    is_ok: bool
    vi: str
    en: str


_TOO_DARK = AimingAdvice(
    is_ok=False,
    vi="Hình quá tối: thêm đèn chiếu vào chỗ đưa mã, hoặc tránh để camera hướng ra chỗ ngược sáng.",
    en="The picture is too dark: put light on the place where codes are held, or turn the camera away from a bright background.",
)
_TOO_BRIGHT = AimingAdvice(
    is_ok=False,
    vi="Hình quá sáng: che bớt đèn hoặc nắng chiếu thẳng vào camera.",
    en="The picture is too bright: shade the lamp or the sun that shines into the camera.",
)
_LOW_CONTRAST = AimingAdvice(
    is_ok=False,
    vi="Hình gần như không có tương phản: kiểm tra nắp che, bụi hay hơi nước trên ống kính.",
    en="There is hardly any contrast: look for a cap, dust or moisture on the lens.",
)
_OUT_OF_FOCUS = AimingAdvice(
    is_ok=False,
    vi="Hình không nét: chỉnh tiêu cự cho rõ ở khoảng cách đưa mã (thường 15 đến 30 cm), rồi xem lại.",
    en="The picture is not sharp: focus at the distance where codes are held (mostly 15 to 30 cm), then look again.",
)
_NO_CODE = AimingAdvice(
    is_ok=False,
    vi="Chưa đọc được mã nào: đưa một thẻ có mã ra trước camera, cách khoảng 20 cm, và giữ yên.",
    en="No code was read yet: hold a card with a code about 20 cm in front of the camera, and keep it still.",
)
_TOO_FAR = AimingAdvice(
    is_ok=False,
    vi="Mã quá nhỏ trong hình: đặt camera gần hơn, hoặc vẽ vạch để người dân đưa mã lại gần.",
    en="The code is too small in the picture: mount the camera nearer, or mark a line so that people hold the code closer.",
)
_SLIGHTLY_FAR = AimingAdvice(
    is_ok=True,
    vi="Đọc được, nhưng gần thêm một chút sẽ đọc nhanh hơn.",
    en="It reads; a little nearer would read faster.",
)
_TOO_NEAR = AimingAdvice(
    is_ok=False,
    vi="Mã chiếm gần hết hình: đưa camera ra xa hơn, kẻo mã lớn bị cắt mất góc.",
    en="The code nearly fills the picture: move the camera back, or larger codes will lose a corner.",
)
_NEAR_EDGE = AimingAdvice(
    is_ok=False,
    vi="Mã nằm gần mép hình: xoay camera về phía chỗ người dân đưa mã.",
    en="The code is near the picture's edge: turn the camera towards the place where people hold their codes.",
)
_GOOD = AimingAdvice(
    is_ok=True,
    vi="Khoảng cách, ánh sáng và độ nét đều tốt.",
    en="Distance, light and focus are good.",
)


def aiming_advice(
    quality: FrameQuality, module_px: float | None, *, near_edge: bool = False
) -> tuple[AimingAdvice, ...]:
    """What to change, most urgent first, or one positive sentence.

    `module_px`: of the last code read, if any. `near_edge`: the code was near the edge of the image.
    """
    found = [*_light_advice(quality), *_distance_advice(module_px), *([_NEAR_EDGE] if near_edge else [])]
    return tuple(found) or (_GOOD,)


def is_near_edge(corners: Corners, size_px: tuple[int, int]) -> bool:
    """Whether the middle of a code is in the outer quarter of an image (width, height) on any side."""
    x, y = (sum(corner[axis] for corner in corners) / 4 / size_px[axis] for axis in (0, 1))
    return not (EDGE_SHARE <= x <= 1 - EDGE_SHARE and EDGE_SHARE <= y <= 1 - EDGE_SHARE)


def aiming_texts(quality: FrameQuality, module_px: float | None, language: Language) -> tuple[str, ...]:
    """The sentences of `aiming_advice` in one language."""
    return tuple(each.vi if language == "vi" else each.en for each in aiming_advice(quality, module_px))


def _light_advice(quality: FrameQuality) -> list[AimingAdvice]:
    if quality.mean_luma < MIN_LUMA:
        return [_TOO_DARK]
    if quality.mean_luma > MAX_LUMA:
        return [_TOO_BRIGHT]
    if quality.contrast < MIN_CONTRAST:
        return [_LOW_CONTRAST]
    return [_OUT_OF_FOCUS] if quality.sharpness < MIN_SHARPNESS else []


def _distance_advice(module_px: float | None) -> list[AimingAdvice]:
    if module_px is None:
        return [_NO_CODE]
    if module_px < MIN_MODULE_PX:
        return [_TOO_FAR]
    if module_px < COMFORTABLE_MODULE_PX:
        return [_SLIGHTLY_FAR]
    return [_TOO_NEAR] if module_px > MAX_MODULE_PX else []
