"""HTML that stands alone: one file, nothing remote, text always escaped.

`page` (templates, tables, the content policy), `plots` (matplotlib, for pages
and PNG files), `pictures` (pixels as pictures, colour maps), `picture_row`
(pictures side by side as a PNG).
"""
