"""`g2npan-score --serve`: opens the page and keeps it until Ctrl-C."""

import os
import webbrowser

from g2npan_tf.images.limits import DEFAULT_LIMITS
from g2npan_tf.images.limits import Limits
from g2npan_tf.scoring import model_facts
from g2npan_tf.scoring.assessor import Assessor
from g2npan_tf.scoring.page.server import PageServer


def serve(
    assessor: Assessor,
    model: str | os.PathLike,
    *,
    port: int = 0,
    open_browser: bool = False,
    limits: Limits = DEFAULT_LIMITS,
) -> int:
    """Serves the page until Ctrl-C.

    Args:
        assessor: The loaded model.
        model: Where it was loaded from.
        port: Of this machine's loopback; 0 takes a free one.
        open_browser: Whether to show the page in this user's browser.
        limits: What is accepted of one file.

    Returns:
        0: stopping is how it ends.

    Raises:
        InputError: If the port is taken or not allowed.
    """
    facts = model_facts.read(model)
    server = PageServer(
        assessor,
        model_facts.describe(model, facts),
        caution=model_facts.caution(facts),
        port=port,
        limits=limits,
    )
    with server:
        print(f"open {server.url} in a browser; Ctrl-C ends", flush=True)
        try:
            if open_browser:
                webbrowser.open(server.url)
            server.serve_forever()
        except KeyboardInterrupt:
            # Behind the terminal's ^C.
            print("\nstopped")
    return 0
