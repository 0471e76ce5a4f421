"""What a strategy is, and what surrounds it: view, ledger, targets, sizing."""
