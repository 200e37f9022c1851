"""Event sources: what the kernel says of its own accord. They wake the daemon and never decide."""
