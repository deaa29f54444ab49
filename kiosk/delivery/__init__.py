"""Delivery of events from the outbox to the centre. An event is sent until a receipt of the centre acknowledges it."""

from kiosk.delivery.relay import OutboxRelay
from kiosk.delivery.sender import DeliveryOptions

__all__ = ["DeliveryOptions", "OutboxRelay"]
