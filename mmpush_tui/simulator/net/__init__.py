"""The ground of every stand-in: HTTP/2, TLS and certificates on loopback."""
