"""First contact: a campaign written for a network or a folder, and what is wrong with one before anything is begun."""
