"""Drills: what may happen to workflows and their workers, done on purpose with real processes, told, and judged."""
