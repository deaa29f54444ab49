"""Messages by which a centre changes its devices: signed commands, replies, and what a device says when it connects."""
