"""The worker's configuration: two file formats, the environment, one schema."""
