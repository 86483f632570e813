"""Decision: what to choose, from anybody's costs and QALYs.

This room knows no model. It takes plain arrays, shape (strategy,) for a base case and (draw, strategy) for a
probabilistic analysis, row i of every array being draw i; money in GBP, effects in QALYs, thresholds in GBP
per QALY. It gives tables (pandas) and small frozen results.
"""
