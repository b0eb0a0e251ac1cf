"""What can be set about the stages: one table for the nodes and the replay, and the files that set it."""
