"""The ground: every decision the business makes, as pure functions. Knows no clock, no store, no network."""
