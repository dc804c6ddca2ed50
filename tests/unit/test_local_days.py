"""Local time: what the journal's times become, how many days a request is open, how the zone is called."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from pipeline.journal import codec
from pipeline.report.paid import days_open
from pipeline.report.words import zone
