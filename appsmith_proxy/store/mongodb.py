"""The configuration store that several replicas share: MongoDB, on motor."""
