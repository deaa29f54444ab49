"""From outbox to centre: each passage is sent until the centre's own receipt says that it is there."""

from kiosk.delivery.relay import Courier
from kiosk.delivery.sender import Terms

__all__ = ["Courier", "Terms"]
