"""Reads a billing sheet, validates it, posts each row, writes what came back: pandas, pandera, httpx, openpyxl."""

import asyncio
import sys
from typing import Any

import httpx
import pandas as pd
import pandera.pandas as pa

AT_A_TIME = 25
SCHEMA = pa.DataFrameSchema(
    {
        "Invoice #": pa.Column(str, pa.Check.str_length(1, 64)),
        "First name": pa.Column(str, pa.Check.str_length(1, 40)),
        "Last name": pa.Column(str, pa.Check.str_length(1, 40)),
        "Email": pa.Column(str, pa.Check.str_matches(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")),
        "Amount": pa.Column(float, pa.Check.in_range(0.01, 25_000)),
    }
)


async def post(rows: list[dict[Any, Any]], base_url: str) -> list[dict[Any, Any]]:
    """One request a row, so many at a time."""
    limit = asyncio.Semaphore(AT_A_TIME)
    async with httpx.AsyncClient(base_url=base_url, timeout=60) as client:
        token = (await client.post("/api/v1/authorize", data={"grant_type": "client_credentials"})).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}

        async def one(row: dict[Any, Any]) -> dict[Any, Any]:
            asked = {
                "type": "e-Transfer", "direction": "DEBIT", "currency": "CAD", "amount": row["Amount"],
                "referenceId": row["Invoice #"],
                "payor": {"firstName": row["First name"], "lastName": row["Last name"], "email": row["Email"]},
            }  # fmt: skip
            async with limit:
                answer = await client.post("/api/v2/sessions", json=asked, headers=headers)
            return row | {"status": answer.status_code, "sessionId": answer.json().get("sessionId")}

        return await asyncio.gather(*(one(row) for row in rows))


def main() -> None:
    """FILE URL OUTPUT."""
    file, url, output = sys.argv[1:]
    text = {"Institution": str, "Transit": str, "Account": str}
    frame = pd.read_excel(file, dtype=text) if file.endswith(".xlsx") else pd.read_csv(file, dtype=text)
    try:
        SCHEMA.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as found:
        print(found.failure_cases)
        frame = frame.drop(index=found.failure_cases["index"].dropna().unique())
    done = asyncio.run(post(frame.to_dict("records"), url))
    pd.DataFrame(done).to_excel(output, index=False)


if __name__ == "__main__":
    main()
