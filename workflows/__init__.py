"""The order of steps and the waiting. Does no I/O and no business arithmetic."""
