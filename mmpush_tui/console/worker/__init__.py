"""The Worker screen."""
