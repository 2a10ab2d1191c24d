"""Where Mattermost's settings live: its file, its API, its local socket; one protocol for all."""
