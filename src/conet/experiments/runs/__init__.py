"""What cells compute: module-level functions of JSON arguments that return named arrays.

They stand apart from the statistics, so that a new statistic does not make old results stale.
"""
