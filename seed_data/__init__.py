"""The cast of Brindle & Bolt: what it sells, where it ships and at what rates."""
