"""From outbox to centre: each passage is sent until the centre's own receipt says that it is there."""

from kiosk.courier.courier import Courier
from kiosk.courier.sender import Terms

__all__ = ["Courier", "Terms"]
