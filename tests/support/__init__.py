"""Helpers of the tests: servers, sandboxes, files and journals that the tests share. No test is in here."""
