"""The report of `g2npan-score --report=DIR`: HTML pages of a group of images.

`origins` (which algorithm made an image), `group_figures` (deviations and
ranking), `image_page`, `group_page`, and `writer`, which makes the folder.
"""
