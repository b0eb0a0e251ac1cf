"""Reports to look at: one self-contained HTML file of a run, and of two runs side by side."""
