"""How the commands log: to stderr, with the time only where the journal does not add its own."""

import logging
import os
import sys


def configure_logging(level: int = logging.INFO) -> None:
    """Set up logging for a long-running command."""
    in_journal = "JOURNAL_STREAM" in os.environ  # systemd.exec(5): stderr goes to the journal
    form = "%(levelname)s %(name)s: %(message)s" if in_journal else "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=level, stream=sys.stderr, format=form, force=True)
