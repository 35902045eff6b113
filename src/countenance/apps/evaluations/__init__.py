"""What the program's numbers mean: evaluations, selftests, and the operating points that rest on them."""
