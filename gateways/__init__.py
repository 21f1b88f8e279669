"""The outside: one file a foreign system. Each speaks a wire format and decides nothing."""
