"""Results made readable, and the one way a file is written.

`labels`: words and rounding. `tables`: NICE's tables. `charts`. `workbook`: the values workbook. `manifest`: the record of a run.
`files`: whole files or none.
"""
