"""What Mattermost, worker and watchers say to each other."""
