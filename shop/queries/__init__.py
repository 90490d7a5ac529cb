"""Reads for pages: no rules, no writes."""
