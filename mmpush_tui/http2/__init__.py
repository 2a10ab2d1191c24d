"""The HTTP/2 client connection that the worker and the checks share."""
