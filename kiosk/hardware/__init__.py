"""The plugs into the world: one driver a file, and the only place that imports camera and pin libraries."""

from kiosk.hardware.cameras.factory import open_camera

__all__ = ["open_camera"]
