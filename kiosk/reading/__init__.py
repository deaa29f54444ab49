"""Reading: one luma frame in, the bytes of the codes in it out."""

from kiosk.reading.cascade import Cascade

__all__ = ["Cascade"]
