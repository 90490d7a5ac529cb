"""Pure rules of the store: no tables, no sessions, no time, no HTTP."""
