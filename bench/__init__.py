"""Measures approvals beside their floor, in turns in one run. Prints ratios; asserts nothing."""
