"""Everything that teaches: the catalogue, its engine and the world around the store."""
