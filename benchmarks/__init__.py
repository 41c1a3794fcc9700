"""What the product costs and how fast it is, measured from outside: ``make bench``."""
