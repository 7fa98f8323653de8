"""A cluster of Ray as deploy/ray/ sets it up, on this machine: its units' own commands, in a network that has loopback only."""
