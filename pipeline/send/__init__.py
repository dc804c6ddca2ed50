"""The room that makes sessions out of payments: decisions are pure, the engine carries them out, the edges send."""
