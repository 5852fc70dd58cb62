"""What every package needs: settings, MOS scale, errors, commands, files."""
