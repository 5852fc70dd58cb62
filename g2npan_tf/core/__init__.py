"""What every room needs: settings, the MOS scale, errors, commands, files."""
