"""The page's process loads nothing that only pictures need: it runs beside the daemon on a board of 512 MB."""

import subprocess
import sys

IMPORTED = "import sys, web_ui.server.serve, web_ui.kiosk.app; print(*sorted({name.partition('.')[0] for name in sys.modules}))"


def test_the_page_loads_no_library_of_pictures_and_none_of_pins() -> None:
    told = subprocess.run([sys.executable, "-c", IMPORTED], check=True, capture_output=True, text=True)
    assert not {"numpy", "cv2", "zxingcpp", "PIL", "gpiozero"} & set(told.stdout.split())
