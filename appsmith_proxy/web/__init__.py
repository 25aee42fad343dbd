"""The JSON API: routes, envelope, parsing, error to status, OpenAPI."""
