"""Music of sampled instruments, synthesisers and singing vocoders, with its true stems."""
