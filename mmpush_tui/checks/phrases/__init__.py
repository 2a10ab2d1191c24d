"""What is said about each code."""
