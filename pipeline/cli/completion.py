"""The command `completion`."""

from __future__ import annotations

import click

VARIABLE = "_FLINKS_IMPORT_COMPLETE"
"""How the shell asks the command for completions: click looks at it before anything else."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script by which SHELL completes commands, options and their values.

    \b
    bash: flinks-import completion bash > ~/.local/share/bash-completion/completions/flinks-import
    zsh:  flinks-import completion zsh > "${fpath[1]}/_flinks-import"
    fish: flinks-import completion fish > ~/.config/fish/completions/flinks-import.fish
    """  # noqa: D301 - \b is click's mark for text that is not to be wrapped
    from click.shell_completion import BashComplete, FishComplete, ZshComplete

    from pipeline.cli import cli

    kinds = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
    script = kinds[shell](cli, {}, "flinks-import", VARIABLE)
    # Not `source()`: for bash it asks the bash of this machine for its version, which is not what is printed for.
    click.echo(script.source_template % script.source_vars())
