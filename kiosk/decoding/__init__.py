"""Reading: one luma frame in, the bytes of the codes in it out."""

from kiosk.decoding.cascade import Cascade

__all__ = ["Cascade"]
