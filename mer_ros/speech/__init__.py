"""Speech to text: backends behind one interface, and words from outside."""
