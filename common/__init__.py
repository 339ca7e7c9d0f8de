"""What every room uses: errors, command lines, whole files, threads."""
