"""{{ bindings }}: tokenizer, compiler and binder. Pure: no I/O, no time, no randomness."""
