"""The fleet as a whole: the report about all devices, and how fast they send what waits in them."""
