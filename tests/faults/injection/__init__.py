"""Fault injection into delivery: real processes, their faults by kind, and the verdict of one seed."""
