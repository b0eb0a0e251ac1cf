"""Loaders of public corpora from a folder that the user names, in each corpus' own public layout."""
