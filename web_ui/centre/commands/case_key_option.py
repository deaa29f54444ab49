"""The folder with the keys of the cases: named by an option, or its usual place."""

from pathlib import Path

from mqtt.centre.schema_parts import is_postgres

CASE_KEYS_OF_POSTGRES = Path("/var/lib/entrance-centre/case-keys")


def case_keys_folder(database: str, named: Path | None) -> Path:
    """Where the keys of the cases are: the named folder, or beside an SQLite file."""
    if named is not None:
        return named
    return CASE_KEYS_OF_POSTGRES if is_postgres(database) else Path(f"{database}-case-keys")
