"""Connectors translate: one provider each, from its own words into facts, and from actions into its own writes."""
