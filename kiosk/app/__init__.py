"""The daemon: its threads, how they are built, and its control socket."""
