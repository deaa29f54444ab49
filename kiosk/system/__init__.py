"""The operating system around the daemon: files, clock, systemd, logs, locks, languages."""
