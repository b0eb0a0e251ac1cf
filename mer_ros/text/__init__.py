"""Words: tokens, and what they say of an emotion."""
