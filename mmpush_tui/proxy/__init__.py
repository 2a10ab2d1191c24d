"""The push proxy worker: Mattermost in, Apple and Google out."""
