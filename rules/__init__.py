"""Rules decide: pure functions over facts; no clock, no disk, no network, no database."""
