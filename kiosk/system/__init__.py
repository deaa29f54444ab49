"""The operating system around the daemon: clock, systemd, logs, locks."""
