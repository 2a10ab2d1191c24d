"""The listening port: a connection, what a request passes first, the pages."""
