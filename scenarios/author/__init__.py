"""What the author of a scenario uses: begin one, record its patches, prove it, carry it along."""
