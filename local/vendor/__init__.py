"""The vendor sandbox."""
