"""The proxy itself: the ladder of one execution, leases, limits, the network guard, encoding."""
