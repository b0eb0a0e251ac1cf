"""Labelled examples in the public layout of each corpus, from files or folders that the user names."""
