"""The API over HTTP: transport, tokens, rate limit, payload; it never retries by itself."""
