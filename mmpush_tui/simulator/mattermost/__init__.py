"""Mattermost as the worker and the settings meet it."""
