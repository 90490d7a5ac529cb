"""The loop that claims due jobs, and what each kind of job does."""
