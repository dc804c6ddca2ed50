"""Validates a .csv with frictionless: the headings and limits that it can express; prints the number of faults."""

import sys
from pathlib import Path

from frictionless import Resource, Schema, fields, system

TEXTS = ("Middle name", "Currency", "Type", "Direction", "Send link", "Institution", "Transit", "Account", "Note")


def main() -> None:
    """FILE."""
    file = Path(sys.argv[1])
    schema = Schema(
        fields=[
            fields.StringField(name="Invoice #", constraints={"required": True, "maxLength": 64}),
            fields.StringField(name="First name", constraints={"required": True, "maxLength": 40}),
            fields.StringField(name="Last name", constraints={"required": True, "maxLength": 40}),
            fields.StringField(name="Email", format="email", constraints={"required": True}),
            fields.NumberField(name="Amount", constraints={"required": True, "minimum": 0.01, "maximum": 25_000}),
            *(fields.StringField(name=name) for name in TEXTS),
        ]
    )
    with system.use_context(trusted=True):
        resource = Resource(path=str(file), schema=schema)
        report = resource.validate(limit_errors=10_000_000)
    print(sum(task.stats["errors"] for task in report.tasks))


if __name__ == "__main__":
    main()
