"""Results made readable, and the one way a file is written.

`labels`: words and rounding. `colours`: the palette. `readings`: what an analysis says, in a sentence. `tables`: NICE's tables.
`charts`. `workbook`: the values workbook. `manifest`: the record of a run. `files`: whole files or none.
"""
