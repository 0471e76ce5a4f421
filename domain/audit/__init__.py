"""The audit trail: what is written of each message, how entries are chained, and one order's story told from them."""
