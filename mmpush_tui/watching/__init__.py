"""A worker seen from outside: its events, its status, a test push."""
