"""What people see and hear: lamps and buzzer, and spoken answers."""
