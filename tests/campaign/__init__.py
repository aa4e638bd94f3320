"""Seeded schedules of exports, portal changes, hand edits, kills and faults, with invariants checked after every step."""
