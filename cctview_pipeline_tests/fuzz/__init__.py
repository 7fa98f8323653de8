"""Readers of outside bytes, tried with bytes that nobody meant: ``python -m cctview_pipeline_tests.fuzz``.

A target is a reader with a corpus made by code. Its inputs are mutated, those that reach new code are kept and mutated again
(Atheris, which is libFuzzer for Python), and what must not happen is a finding: a crash, an execution that takes over 2 s of a
processor, more than 1 GiB, an exception that is not ours, or a sentence with a memory address in it.
"""
