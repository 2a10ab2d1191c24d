"""What is to be checked, made of settings and configuration."""
