"""Started by /usr/bin/kiosk as `python3 -I -S -B /usr/lib/entrance-kiosk`: switches releases and takes the files of a gate."""

import sys

from kiosk.installer.__main__ import main

sys.exit(main())
