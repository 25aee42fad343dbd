"""THE PUBLIC KIT: conformance suites that a driver author subclasses, and the tools they use."""
