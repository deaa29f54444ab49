"""Values, ports, rules and decisions of the device. No input or output."""
