"""Networks in torch, one file a task. What they need of preprocessing is inside of them, so it is exported too."""
