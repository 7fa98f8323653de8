"""One module an asset, named as the table it makes, each a function of a campaign's partitions.

What an asset computes with is imported in its body: models, solvers and plots take seconds and hundreds of megabytes to load,
and every process that only wants to know the graph would pay for all of them.
"""
