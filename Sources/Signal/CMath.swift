// Also Embedded Swift: typed throws, no key paths, no casts.
// Functions of the C library, on every platform.

import System

func logarithm10(_ x: Double) -> Double { log10(x) }
func sine(_ x: Double) -> Double { sin(x) }
func cosine(_ x: Double) -> Double { cos(x) }

/// Sine in float32 from the C library: exact within one unit in the last place.
func sine(_ x: Float) -> Float { sinf(x) }
func cosine(_ x: Float) -> Float { cosf(x) }
