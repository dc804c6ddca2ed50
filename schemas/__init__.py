"""What the data means: fields, limits, money, faults and the pandera schema. Imports nothing from `pipeline`."""
