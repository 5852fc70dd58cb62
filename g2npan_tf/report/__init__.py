"""Building blocks of self-contained HTML pages: templates, plots, pictures.

Nothing remote, text always escaped.

`page` (templates, tables, the content policy), `plots` (matplotlib, for pages
and PNG files), `pictures` (pixels as pictures, colour maps), `picture_row`
(pictures side by side as a PNG).
"""
