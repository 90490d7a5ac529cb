"""Use cases: one public function is one verb of the shop floor and one transaction."""
