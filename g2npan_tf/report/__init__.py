"""HTML that stands alone: one file, nothing remote, text always escaped.

`page` (text, elements, the document), `tables` (sortable), `pictures` (pixels
as data URIs, colour maps), `plots` (SVG, upon `axes`). NumPy, OpenCV and the
standard library only: workstations have nothing else.
"""
