"""The journal: the one place of truth, and the only room that speaks SQL."""
