"""Types of fields that several orders of a centre have."""

from typing import Annotated

from pydantic import Field

OrderId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
SessionId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""Random. A device makes a new one for each connection, so that no order of an earlier connection is valid again."""
WireName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}/[a-z0-9][a-z0-9-]{0,62}$")]
"""`SITE/DEVICE`."""
Sentence = Annotated[str, Field(max_length=200, pattern=r"^[^\x00]*$")]
