"""`python -m cwportal` is the script `cwportal`."""

from cwportal.cli import main

main()
