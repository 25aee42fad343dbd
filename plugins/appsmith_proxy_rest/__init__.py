"""REST APIs on aiohttp's client."""
