"""The console: a Textual app that only the command line opens, and late."""
