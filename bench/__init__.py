"""Side-by-side benchmarks: ratios against hand-written handlers, in one interleaved run."""
