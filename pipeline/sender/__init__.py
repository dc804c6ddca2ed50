"""The loop that carries out decisions: sending, polling, cancelling; it judges no answer."""
