"""An untrusted file becomes uint8 RGB, or one line of error."""
