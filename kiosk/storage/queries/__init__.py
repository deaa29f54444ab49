"""Read model of the device's database for other processes: one file per question, over read-only connections."""
