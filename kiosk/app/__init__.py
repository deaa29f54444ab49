"""The running daemon: its threads, their composition and its control socket."""
