"""A newsletter subscription manager: sign-up with double opt-in, issues, sending and its accounts."""
