"""The demo company: people, rules and four months of history for a laptop. Nothing of it ships."""
