"""Answers one question of tracing in a process that kills itself at a given call of the product. Run as a module.

Arguments: database, folder of case keys, private key, question, the number of the call (0: never), and a file that is written
before the first subject is unsealed. Prints the number of calls.
"""

import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any

from mqtt.centre.ingest.database import open_query
from mqtt.centre.tracing.cases.case_keys import CaseKeys
from mqtt.centre.tracing.cases.questions import find_question
from mqtt.centre.tracing.keys.private_keys import load_private_key
from mqtt.centre.tracing.search.answering import answer_question
from mqtt.centre.tracing.search.context import Answering
from web_ui.centre.commands.trace.context import TraceSettings, ledger_source

OURS = ("mqtt/centre/tracing", "mqtt/sealing.py", "mqtt/centre/accounts", "mqtt/centre/ingest/database.py")


def main() -> None:
    database, case_keys, key, question, killed_at, mark = sys.argv[1:]
    keys = CaseKeys(Path(case_keys))
    with open_query(database) as query:
        case = find_question(query, int(question)).case
    source = ledger_source(TraceSettings(database, keys), case)
    answering = Answering(
        database, keys, source, (load_private_key(Path(key)),), lambda: datetime.now(UTC), processes=1
    )
    calls = 0

    def count(frame: FrameType, event: str, _argument: Any) -> None:
        nonlocal calls
        if event not in {"call", "return"} or not any(name in frame.f_code.co_filename for name in OURS):
            return
        if frame.f_code.co_name.startswith("unseal") and "sealing.py" in frame.f_code.co_filename:
            Path(mark).touch()
        calls += 1
        if calls == int(killed_at):
            os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(count)
    answer_question(answering, int(question))
    sys.setprofile(None)
    print(calls)


if __name__ == "__main__":
    main()
