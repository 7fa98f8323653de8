"""What this project stands on: which packages, under which licences, with which hashes, and what is known against them.

Commands for who works on the project and who hands it on; nothing of it is installed with the pipeline.
"""
