"""Consoles: rich, whose own colours and movements reach the terminal, and nobody else's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from pipeline.cli.outlets import for_console, visible


class SafeConsole(Console):
    """A console on one of the two outlets, in which a text is only ever a text."""

    def __init__(self, *, stderr: bool = False, **options: Any) -> None:
        super().__init__(file=for_console(stderr=stderr), highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as rich shows it, before rich drops some of what would act on a terminal."""
        return super().render_str(visible(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is written to the terminal, in pieces: movements of rich's own, and text."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=visible(segment.text))
