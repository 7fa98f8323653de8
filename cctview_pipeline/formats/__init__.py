"""CCTView's published file formats."""
