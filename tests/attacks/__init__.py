"""What strangers try against the store."""
