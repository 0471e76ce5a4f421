"""The tariff as data: a module per segment, each rate with the day it begins to apply and the source it was taken from.

`shape` says what a row is, `equity`, `derivatives`, `currency` and `commodity` hold the columns of the tariff, `fees`
what is the same for all of them and how each component is rounded, `contracts` how many units a quoted unit stands for.
"""
