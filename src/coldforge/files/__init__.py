"""Files written whole, locked, hashed and read line by line."""
