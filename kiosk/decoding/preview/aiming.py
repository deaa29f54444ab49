"""Advice for whoever mounts the camera: from facts about its view to sentences about distance, light and focus."""

from dataclasses import dataclass
from typing import Literal

from kiosk.core.model import Corners, FrameQuality

Language = Literal["vi", "en"]

DARK_LUMA, BRIGHT_LUMA = 45.0, 215.0
FLAT_CONTRAST = 8.0
SOFT_SHARPNESS = 30.0
"""Of the frame's middle at half size: what sensor noise alone gives stays below, a code or a face in focus is far above."""
SMALL_MODULE_PX, COMFORTABLE_MODULE_PX, LARGE_MODULE_PX = 2.5, 4.0, 14.0
"""2 px a module is the physical edge; from 4 px on, every engine reads."""

EDGE = 0.25
"""Share of the picture's width and height, on each side, in which a code counts as held aside."""


@dataclass(frozen=True, slots=True)
class Advice:
    """One sentence in both languages; `good` when nothing has to be changed."""

    good: bool
    vi: str
    en: str


_DARK = Advice(
    good=False,
    vi="Hình quá tối: thêm đèn chiếu vào chỗ đưa mã, hoặc tránh để camera hướng ra chỗ ngược sáng.",
    en="The picture is too dark: put light on the place where codes are held, or turn the camera away from a bright background.",
)
_BRIGHT = Advice(
    good=False,
    vi="Hình quá sáng: che bớt đèn hoặc nắng chiếu thẳng vào camera.",
    en="The picture is too bright: shade the lamp or the sun that shines into the camera.",
)
_FLAT = Advice(
    good=False,
    vi="Hình gần như không có tương phản: kiểm tra nắp che, bụi hay hơi nước trên ống kính.",
    en="There is hardly any contrast: look for a cap, dust or moisture on the lens.",
)
_SOFT = Advice(
    good=False,
    vi="Hình không nét: chỉnh tiêu cự cho rõ ở khoảng cách đưa mã (thường 15 đến 30 cm), rồi xem lại.",
    en="The picture is not sharp: focus at the distance where codes are held (mostly 15 to 30 cm), then look again.",
)
_NONE = Advice(
    good=False,
    vi="Chưa đọc được mã nào: đưa một thẻ có mã ra trước camera, cách khoảng 20 cm, và giữ yên.",
    en="No code was read yet: hold a card with a code about 20 cm in front of the camera, and keep it still.",
)
_FAR = Advice(
    good=False,
    vi="Mã quá nhỏ trong hình: đặt camera gần hơn, hoặc vẽ vạch để người dân đưa mã lại gần.",
    en="The code is too small in the picture: mount the camera nearer, or mark a line so that people hold the code closer.",
)
_RATHER_FAR = Advice(
    good=True,
    vi="Đọc được, nhưng gần thêm một chút sẽ đọc nhanh hơn.",
    en="It reads; a little nearer would read faster.",
)
_NEAR = Advice(
    good=False,
    vi="Mã chiếm gần hết hình: đưa camera ra xa hơn, kẻo mã lớn bị cắt mất góc.",
    en="The code nearly fills the picture: move the camera back, or larger codes will lose a corner.",
)
_ASIDE = Advice(
    good=False,
    vi="Mã nằm gần mép hình: xoay camera về phía chỗ người dân đưa mã.",
    en="The code is near the picture's edge: turn the camera towards the place where people hold their codes.",
)
_GOOD = Advice(
    good=True,
    vi="Khoảng cách, ánh sáng và độ nét đều tốt.",
    en="Distance, light and focus are good.",
)


def judge_view(quality: FrameQuality, module_px: float | None, *, near_edge: bool = False) -> tuple[Advice, ...]:
    """What to change, most urgent first; one good sentence where nothing has to be. `module_px`: of the last code read, if any;
    `aside`: it was held near the picture's edge."""
    found = [*_of_light(quality), *_of_distance(module_px), *([_ASIDE] if near_edge else [])]
    return tuple(found) or (_GOOD,)


def is_aside(corners: Corners, size_px: tuple[int, int]) -> bool:
    """Whether the middle of a code lies in the outer quarter of a picture (width, height) on any side."""
    x, y = (sum(corner[axis] for corner in corners) / 4 / size_px[axis] for axis in (0, 1))
    return not (EDGE <= x <= 1 - EDGE and EDGE <= y <= 1 - EDGE)


def advice(quality: FrameQuality, module_px: float | None, language: Language) -> tuple[str, ...]:
    """The sentences of `judge_view` in one language."""
    return tuple(each.vi if language == "vi" else each.en for each in judge_view(quality, module_px))


def _of_light(quality: FrameQuality) -> list[Advice]:
    if quality.mean_luma < DARK_LUMA:
        return [_DARK]
    if quality.mean_luma > BRIGHT_LUMA:
        return [_BRIGHT]
    if quality.contrast < FLAT_CONTRAST:
        return [_FLAT]
    return [_SOFT] if quality.sharpness < SOFT_SHARPNESS else []


def _of_distance(module_px: float | None) -> list[Advice]:
    if module_px is None:
        return [_NONE]
    if module_px < SMALL_MODULE_PX:
        return [_FAR]
    if module_px < COMFORTABLE_MODULE_PX:
        return [_RATHER_FAR]
    return [_NEAR] if module_px > LARGE_MODULE_PX else []
