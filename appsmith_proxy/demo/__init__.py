"""The demo: a sample shop with datasources, actions and tokens, on loopback, in one throwaway folder."""
