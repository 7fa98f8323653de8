"""What tests are made of: inputs, lakes, weights and servers, one kind a module. Nothing here is a test or a fixture."""
