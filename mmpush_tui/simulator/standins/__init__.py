"""The servers that listen: Apple, Google, the hosted services."""
