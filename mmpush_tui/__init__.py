"""Terminal console for Mattermost push: set it up, prove every hop, run the push proxy."""

__version__ = "0.1.0"
