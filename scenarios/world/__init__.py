"""The outside world of the store: a payment provider, a carrier, suggestions and a mail server.

It is one process of its own, spoken to over HTTP and SMTP on 127.0.0.1, and it keeps
what it did in ledgers that survive a restart. `docs/outside-world.md` describes it.
"""
