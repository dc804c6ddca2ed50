"""The command `completion`."""

from __future__ import annotations

import click


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options and their values.

    \b
    bash: flinks-import completion bash > ~/.local/share/bash-completion/completions/flinks-import
    zsh:  flinks-import completion zsh > "${fpath[1]}/_flinks-import"
    fish: flinks-import completion fish > ~/.config/fish/completions/flinks-import.fish
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from click.shell_completion import shell_complete

    from pipeline.cli import cli

    # The variable is click's own name for it, by which the shell then asks the command.
    shell_complete(cli, {}, "flinks-import", "_FLINKS_IMPORT_COMPLETE", f"{shell}_source")
