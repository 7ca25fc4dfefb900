"""Transactions: admit, begin, turn, unblock, reclaim, cancel, close; and the pure policies they ask."""
