"""A target on the wire, stage by stage."""
