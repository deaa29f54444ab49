"""The wire, and the centre's end of it: topics, messages, delivery. It knows nothing of the kiosk."""
