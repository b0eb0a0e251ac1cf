"""Voice activity, utterances, and the features of a voice."""
