"""What every layer stands on: errors, states, units, clock and fault points. Standard library only."""
