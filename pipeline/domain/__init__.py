"""Every rule, pure: no network, file, clock or database."""
