"""The daily report: one HTML file a local day, which can be verified; and two times side by side."""
