"""PostgreSQL (14 and newer) on asyncpg."""
