CREATE TABLE IF NOT EXISTS conditions (
    service TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (service, name)
);

CREATE TABLE IF NOT EXISTS calls (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    service TEXT NOT NULL,
    at TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    idempotency_key TEXT,
    status INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    ms REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_service ON calls (service, seq);

CREATE TABLE IF NOT EXISTS answers (
    service TEXT NOT NULL,
    idempotency_key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (service, idempotency_key)
);

CREATE TABLE IF NOT EXISTS tokens (
    token TEXT PRIMARY KEY,
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL,
    behavior TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS payments (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    brand TEXT NOT NULL,
    last4 TEXT NOT NULL,
    behavior TEXT NOT NULL,
    status TEXT NOT NULL,
    decline_reason TEXT,
    captured_amount INTEGER NOT NULL DEFAULT 0 CHECK (captured_amount <= amount),
    refunded_amount INTEGER NOT NULL DEFAULT 0 CHECK (refunded_amount <= captured_amount),
    created_at TEXT NOT NULL,
    settle_at TEXT
);
CREATE INDEX IF NOT EXISTS payments_by_reference ON payments (reference);
CREATE INDEX IF NOT EXISTS payments_to_settle ON payments (settle_at) WHERE status = 'capturing';

CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    body TEXT NOT NULL
);

-- A delivery is one copy of an event on its way to the store. `turn` decides between
-- deliveries that are due at the same moment.
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event_seq INTEGER NOT NULL REFERENCES events (seq),
    copy INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('held', 'pending', 'delivered', 'given_up')),
    made_at TEXT NOT NULL,
    due_at TEXT NOT NULL,
    turn INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS deliveries_to_make ON deliveries (due_at, turn)
    WHERE state = 'pending';
CREATE INDEX IF NOT EXISTS deliveries_held ON deliveries (seq) WHERE state = 'held';

CREATE TABLE IF NOT EXISTS tries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    delivery_seq INTEGER NOT NULL REFERENCES deliveries (seq),
    event_id TEXT NOT NULL,
    copy INTEGER NOT NULL,
    number INTEGER NOT NULL,
    at TEXT NOT NULL,
    status INTEGER,
    problem TEXT,
    ms REAL NOT NULL
);

CREATE TABLE IF NOT EXISTS parcels (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tracking_number TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    name TEXT NOT NULL,
    address TEXT NOT NULL,
    country TEXT NOT NULL,
    service TEXT NOT NULL,
    accepted_at TEXT NOT NULL,
    in_transit_at TEXT NOT NULL,
    delivered_at TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS also_bought (
    sku TEXT PRIMARY KEY,
    skus TEXT NOT NULL
);

-- Mails with the same `sameness` are copies that a mail reader would show as one.
CREATE TABLE IF NOT EXISTS mails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    message_id TEXT NOT NULL,
    sameness TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    source BLOB NOT NULL,
    received_at TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_sameness ON mails (sameness, seq);
