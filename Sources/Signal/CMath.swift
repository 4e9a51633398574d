// The C library's functions, wherever this is built.

import LibC

func logarithm10(_ x: Double) -> Double { log10(x) }
func sine(_ x: Double) -> Double { sin(x) }
func cosine(_ x: Double) -> Double { cos(x) }

/// Rounded to float32 as the C library does it: within one unit in the last place.
func sine(_ x: Float) -> Float { sinf(x) }
func cosine(_ x: Float) -> Float { cosf(x) }
