"""The sandbox: a stand-in for the Flinks Pay API, on loopback, in which no money moves.

It owns its own reading of `api.md` and imports nothing else of `pipeline` but `system`, and nothing of `schemas`: a
check that it shared with the program could not find the program's mistakes. Importing this package is cheap; the web
server is imported when one is started.
"""

from pipeline.sandbox.options import SandboxOptions
from pipeline.sandbox.server import RunningSandbox, running, serve

__all__ = ["RunningSandbox", "SandboxOptions", "running", "serve"]
