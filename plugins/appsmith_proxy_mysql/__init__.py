"""MySQL 8 and MariaDB 10.6 and newer, with true server-side prepared statements, over aiomysql."""
