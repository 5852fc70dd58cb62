"""The report of `g2npan-score --report=DIR`: HTML pages of a group of images.

`writer` makes the folder; `origins`: which algorithm made an image; `ranking`:
what stands out, which algorithm leads; `pages`: what is shown.
"""
