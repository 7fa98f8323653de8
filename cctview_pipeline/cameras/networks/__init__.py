"""Networks of live cameras, one module each: a table of what is known of it, and how a row of its list is read.

What each rests on, and what nobody has confirmed, stands in docs/networks.md.
"""
