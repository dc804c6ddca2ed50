"""The command `completion`."""

from __future__ import annotations

import click

from pipeline.cli.help_text import Command


@click.command(
    cls=Command,
    epilog="""
    Examples:
      flinks-import completion bash \\
        > ~/.local/share/bash-completion/completions/flinks-import
      flinks-import completion zsh > "${fpath[1]}/_flinks-import"
      flinks-import completion fish > ~/.config/fish/completions/flinks-import.fish
    """,
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script with which your shell completes commands, options and their values."""
    from click.shell_completion import shell_complete

    from pipeline.cli import cli

    # The variable is click's own name for it, by which the shell then asks the command.
    shell_complete(cli, {}, "flinks-import", "_FLINKS_IMPORT_COMPLETE", f"{shell}_source")
