"""The page of `g2npan-score --serve`: images dropped into a local browser.

`server` (who may ask, and how much), `upload` (bytes to rows and pictures),
`document` (the page), `page.html`, `app.js`, `app.css`.
"""
