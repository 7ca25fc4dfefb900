"""The full-screen view of a workflow (extra ``tui``): it looks, once a second, and changes nothing unasked."""
