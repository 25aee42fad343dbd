"""SQLite files on aiosqlite."""
