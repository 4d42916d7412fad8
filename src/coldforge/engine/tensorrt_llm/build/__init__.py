"""One vocabulary of options, translated into the command line of each release."""
