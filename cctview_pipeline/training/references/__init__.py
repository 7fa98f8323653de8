"""What models were trained on, as profiles to which drift compares."""
