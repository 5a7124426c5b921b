"""Which experts each token went to: the recorded trace and what can be read from it."""
