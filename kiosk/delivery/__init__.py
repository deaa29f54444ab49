"""From outbox to centre: each passage is sent until the centre's own receipt says that it is there."""

from kiosk.delivery.relay import OutboxRelay
from kiosk.delivery.sender import DeliveryOptions

__all__ = ["DeliveryOptions", "OutboxRelay"]
