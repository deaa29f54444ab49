"""Signed lists on the wire: a whole list, or what changed since another one. The root key signs the list itself. Pure."""

import base64
import binascii
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mqtt.message_model import InvalidMessageError, MessageModel, Seq

ListKind = Literal["trust", "deny"]
MAX_CONTENT_BYTES = 45_000
"""A larger content does not fit a message of 64 kB."""
MAX_LIST_BYTES = 16 * 1024 * 1024
"""A larger list is not downloaded."""
_BASE64 = r"^[A-Za-z0-9+/]*={0,2}$"
_Base64 = Annotated[str, Field(max_length=4 * (MAX_CONTENT_BYTES // 3), pattern=_BASE64, repr=False)]


class ListMessage(MessageModel):
    """A list for one device. What it makes of it is worth nothing without the signature of the root key."""

    MAX_BYTES: ClassVar[int] = 64 * 1024
    kind: ListKind
    number: Seq
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """Of the whole list."""
    base: Seq | None = None
    """The number of the list that `content` changes. Null: `content` is the whole list."""
    content: _Base64 = ""
    url: Annotated[str, Field(max_length=300, pattern=r"^https://[!-~]+$")] | None = None
    """Where the whole list is, by HTTPS with the certificate of the device. Then `content` is empty."""
    size_bytes: Annotated[int, Field(ge=1, le=MAX_LIST_BYTES)] | None = None
    """Of the whole list, with `url`."""

    @property
    def content_bytes(self) -> bytes:
        """Raises InvalidMessageError."""
        try:
            return base64.b64decode(self.content, validate=True)
        except binascii.Error as error:
            raise InvalidMessageError("bad-content") from error


def list_file_name(kind: ListKind, number: int) -> str:
    """The last part of the address of a list."""
    return f"{kind}-{number}.cose"


def make_list_message(kind: ListKind, number: int, sha256: str, content: bytes, base: int | None = None) -> ListMessage:
    """A message with this content, which has at most MAX_CONTENT_BYTES."""
    text = base64.b64encode(content).decode()
    return ListMessage(kind=kind, number=number, sha256=sha256, base=base, content=text)
