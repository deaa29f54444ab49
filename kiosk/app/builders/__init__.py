"""Turn sections of the configuration into parts: each takes its settings as plain arguments."""
