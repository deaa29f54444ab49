"""The address of a PostgreSQL server, with what an unattended client needs: several hosts, and an end of every wait.

    postgresql://centre@db-1,db-2/entrance

What the address says itself has precedence.
"""

from typing import Any

from psycopg.conninfo import conninfo_to_dict

CONNECT_TIMEOUT_S = 5
"""For each host."""
# A host that loses its power answers nothing, not even a refusal. Without these an open statement would wait for 15 minutes.
_DEFAULTS: dict[str, str | int] = {
    "connect_timeout": CONNECT_TIMEOUT_S,
    "keepalives_idle": 3,  # seconds, as the next one
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 6000,  # milliseconds
    "target_session_attrs": "read-write",  # a standby, and a server that has become one, are passed over
}
_UTC = "-c TimeZone=UTC"
"""The time zone of the server must not matter: Python cannot represent the last hours of the year 9999 in one east of Greenwich."""


def connection_options(address: str, application_name: str) -> dict[str, Any]:
    """The keyword arguments of `psycopg.connect`. Raises psycopg.ProgrammingError for an address that is none."""
    said: dict[str, Any] = {**conninfo_to_dict(address)}
    said["options"] = f"{_UTC} {said.get('options', '')}".rstrip()
    return {"application_name": application_name, **_DEFAULTS, **said}
