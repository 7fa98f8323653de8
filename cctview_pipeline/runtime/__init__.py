"""Devices, threads, and models that are compiled and loaded once a process."""
