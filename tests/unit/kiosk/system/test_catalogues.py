"""Every message exists in every language with the same placeholders, is used, and is written as the glossary says."""

import ast
import io
import re
import string
import unicodedata
from collections.abc import Iterable
from enum import StrEnum
from functools import cache

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from kiosk.core.control_errors import ErrorCode

from kiosk.cli.acceptance.report import STEP_NAMES
from kiosk.core.model import ClockQuality, CodeKind, DeviceState, Direction, ManualReason, Outcome, Reason
from kiosk.core.reversal import UndoRefusal
from kiosk.core.status import CheckStatus
from kiosk.system.translations import DOMAIN, LOCALE_DIR, SOURCE_LANGUAGE, languages
from tests.paths import PROJECT

OTHERS = [language for language in languages() if language != SOURCE_LANGUAGE]
CODE_FOLDERS = ("kiosk", "web_ui", "docs/_generate")
