"""GPIO drivers: signal outputs, buttons, presence sensor."""
